import assert from 'node:assert/strict';
import { type Answer, type Call, exchange } from '../system/exchange.ts';
import { Contract, type Heard } from './contract.ts';

/** The contract that all responses of a test run are checked against. */
export const contract = Contract.read();

/** Throws if a gateway's response violates the contract. */
export function assertKept(heard: Heard): void {
  assert.equal(contract.fault(heard), null);
}

/** `fetch` from a gateway. Throws if the response violates the contract. */
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

/** `exchange` with a gateway or its load balancer. Throws if the response violates the contract. */
export async function exchangeKept(method: string, url: string, call: Call = {}): Promise<Answer> {
  const answer = await exchange(method, url, call);
  const { pathname, search } = new URL(url);
  if (answer.status !== 0) assertKept({ method, target: pathname + search, sent: call.body, ...answer });
  return answer;
}
