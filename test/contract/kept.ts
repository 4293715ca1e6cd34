import assert from 'node:assert/strict';
import { Contract, type Heard } from './contract.ts';

/** The one that all answers of a run are held against. */
export const contract = Contract.read();

/** Throws where an answer of a gateway is not as the contract says. */
export function assertKept(heard: Heard): void {
  assert.equal(contract.fault(heard), null);
}

/** `fetch`, of a gateway. Throws where the answer is not as the contract says. */
export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init);
  const { pathname, search } = new URL(url);
  assertKept({
    method: init.method ?? 'GET',
    target: pathname + search,
    sent: typeof init.body === 'string' ? init.body : undefined,
    status: response.status,
    headers: new Map(response.headers),
    body: await response.clone().text(),
  });
  return response;
}
