import * as assert from 'uvu/assert';
import type { Ledger, NoSum, Reply } from '../../../src/ledger/ledger.ts';
import { until as untilAfter } from '../../system/until.ts';

const DEADLINE_MS = 20_000;
/** A replica that takes over needs some seconds, and the machine may be busy. */
const PERSIST_MS = 60_000;

/** Rejects if the condition does not become true in time. */
export async function until(isSo: () => boolean | Promise<boolean>, deadlineMs = DEADLINE_MS): Promise<void> {
  await untilAfter('the condition is true', deadlineMs, isSo);
}

export function answers(ledger: Ledger): Promise<void> {
  return until(async () => (await ledger.ping()).kind === 'ok');
}

export async function refused(reply: Promise<Reply<unknown> | NoSum>, reason: RegExp): Promise<void> {
  const answer = await reply;
  assert.is(answer.kind, 'unavailable');
  if (answer.kind === 'unavailable') assert.match(answer.reason, reason);
}

/** Repeats a call until it is answered. Rejects if that takes too long. */
export async function persist<T>(ask: () => Promise<Reply<T> | NoSum>): Promise<T> {
  let reply = await ask();
  await until(async () => {
    if (reply.kind !== 'ok') reply = await ask();
    return reply.kind === 'ok';
  }, PERSIST_MS).catch(() => {});
  if (reply.kind === 'ok') return reply.value;
  throw new Error(`the books stay unavailable: ${reply.kind === 'unavailable' ? reply.reason : reply.kind}`);
}
