import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseJsonObject } from '../core/json-object.ts';
import { isUuid } from '../core/uuid.ts';
import type { Suspect } from './adoption.ts';

/**
 * Reads payments that may have been charged from a file: a line has an id and, if known, the amount in cents
 * (`4a7901b8-… 1990`), or is a line of `dinossauro export`. Other lines, such as its first and last, are skipped.
 */
export async function* suspectsIn(path: string): AsyncGenerator<Suspect> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const suspect = line.startsWith('{') ? fromJson(line) : fromText(line);
    if (suspect !== undefined) yield suspect;
  }
}

function fromText(line: string): Suspect | undefined {
  const [id = '', amount = ''] = line.trim().split(/[\s,;]+/);
  if (!isUuid(id)) return undefined;
  const amountCents = /^[1-9]\d{0,14}$/.test(amount) ? Number(amount) : null;
  return { correlationId: id.toLowerCase(), amountCents, acceptedAtMs: 0 };
}

function fromJson(line: string): Suspect | undefined {
  const { correlationId, amountCents }: Record<string, unknown> = parseJsonObject(line) ?? {};
  const isPayment = typeof correlationId === 'string' && isUuid(correlationId);
  if (!isPayment || typeof amountCents !== 'number') return undefined;
  return { correlationId: correlationId.toLowerCase(), amountCents, acceptedAtMs: 0 };
}
