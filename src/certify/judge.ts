import type { Payment } from '../core/payment.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import type { LookUpOutcome } from '../processor/processor.ts';
import type { Exchange } from './exchange.ts';
import { CERTIFIED, HEALTH_INTERVAL_MS, OTHER, REST_MAX_MS } from './gateway.ts';
import type { ObservedCall } from './observed-contract.ts';
import type { Breach, PromiseName } from './promise.ts';
import type { Situation } from './situation.ts';

/** A payment, what our books say, and what each processor says. */
export interface Judged {
  readonly payment: Payment;
  readonly entry: LedgerEntry | undefined;
  /** By position: the certified processor and the other. */
  readonly held: readonly LookUpOutcome[];
  readonly exchanges: readonly Exchange[];
  /** Posted after all was well again. */
  readonly isLater: boolean;
}

export interface Course {
  readonly situation: Situation;
  readonly payments: readonly Judged[];
  readonly totals: readonly { readonly count: number; readonly amountCents: number }[];
  readonly exchanges: readonly Exchange[];
  readonly calls: readonly ObservedCall[];
  /** Payments about which the certified processor was asked again after they had been posted once more. */
  readonly askedAgain: readonly string[];
  /** Payments that were not final long after all was well. */
  readonly openCount: number;
  readonly tookMs: number;
}

/** On average, a payment in a situation causes one call in this time at most. The backoff makes it far fewer. */
const CALL_EVERY_MS = 60;
const CALLS_FREE = 12;
/** A payment that was being claimed when a rest was asked for is still sent. */
const ON_ITS_WAY_MS = 25;
/** Timers round times. */
const EARLY_MS = 5;

/** Every promise that was broken, by whatever cause. */
export function breachesOf(course: Course): Breach[] {
  return [
    ...course.payments.flatMap((judged) => [
      ...lost(judged, course.situation),
      ...chargedTwice(judged),
      ...untrue(judged),
    ]),
    ...wrongTotals(course),
    ...notCheapest(course),
    ...impolite(course),
    ...unbounded(course),
    ...course.askedAgain.map((id) =>
      breach('idempotent', 'it was sent again after it had been posted again', id),
    ),
  ];
}

function breach(promise: PromiseName, detail: string, correlationId = ''): Breach {
  return { promise, detail, correlationId };
}

function lost({ payment, entry }: Judged, { mayReject }: Situation): Breach[] {
  const { correlationId } = payment;
  if (entry?.status === 'settled') return [];
  if (entry?.status !== 'rejected')
    return [breach('nothing lost', `it is ${entry?.status ?? 'unknown'} in the end`, correlationId)];
  return mayReject === true
    ? []
    : [breach('nothing lost', `it was rejected: ${entry.reason}`, correlationId)];
}

function chargedTwice({ payment, entry, held }: Judged): Breach[] {
  const { correlationId } = payment;
  const count = held.filter(({ kind }) => kind === 'held').length;
  if (count > 1) return [breach('nothing charged twice', 'both processors charged it', correlationId)];
  if (count === 1 && entry?.status === 'rejected')
    return [breach('nothing charged twice', 'it was rejected, and it is charged', correlationId)];
  return [];
}

function untrue({ payment, entry, held }: Judged): Breach[] {
  const { correlationId, amountCents } = payment;
  if (entry?.status !== 'settled') return [];
  const position = entry.processor ?? CERTIFIED;
  const found = held[position];
  const who = position === CERTIFIED ? 'the processor' : 'the other processor';
  const untruth = (detail: string) => [breach('the summary tells the truth', detail, correlationId)];
  if (found?.kind !== 'held') return untruth(`it is settled, and ${who} says ${found?.kind ?? 'nothing'}`);
  if (entry.amountCents !== (found.amountCents ?? amountCents))
    return untruth(`we have ${entry.amountCents} cents, ${who} has ${found.amountCents}`);
  if (found.requestedAtMs !== null && found.requestedAtMs !== entry.requestedAtMs)
    return untruth(`we have the stamp ${entry.requestedAtMs}, ${who} has ${found.requestedAtMs}`);
  return [];
}

function wrongTotals({ payments, totals }: Course): Breach[] {
  return [CERTIFIED, OTHER].flatMap((position) => {
    const theirs = payments.filter(({ held }) => held[position]?.kind === 'held');
    const theirCents = theirs.reduce((sum, judged) => sum + centsAt(judged, position), 0);
    const { count, amountCents } = totals[position] ?? { count: 0, amountCents: 0 };
    if (count === theirs.length && amountCents === theirCents) return [];
    const wrong = payments.find(
      ({ held, entry }) =>
        (held[position]?.kind === 'held') !== (entry?.status === 'settled' && entry.processor === position),
    );
    const detail = `the summary says ${count} payments of ${amountCents} cents, the processor ${theirs.length} of ${theirCents}`;
    return [breach('the summary tells the truth', detail, wrong?.payment.correlationId)];
  });
}

function centsAt({ payment, held }: Judged, position: number): number {
  const found = held[position];
  return found?.kind === 'held' ? (found.amountCents ?? payment.amountCents) : 0;
}

function notCheapest({ situation, payments }: Course): Breach[] {
  const at = (judged: Judged | undefined) => judged?.entry?.processor ?? null;
  const breaches: Breach[] = [];
  const last = payments.findLast(({ isLater }) => isLater);
  if (at(last) !== CERTIFIED)
    breaches.push(breach('cheapest first', 'the processor is well again, and not used again'));
  if (situation.isHarmless !== true) return breaches;
  const elsewhere = payments.filter((judged) => !judged.isLater && at(judged) !== CERTIFIED);
  if (elsewhere.length > 0)
    breaches.push(breach('cheapest first', `${elsewhere.length} payments went to the dearer processor`));
  return breaches;
}

function impolite({ exchanges, calls, tookMs }: Course): Breach[] {
  const breaches: Breach[] = [];
  for (const { kind, call, rest } of exchanges) {
    if (rest === null) continue;
    const readAtMs = calls[call]?.readAtMs ?? Infinity;
    const askedMs = rest.kind === 'delay' ? rest.delayMs : rest.untilMs - readAtMs;
    const restMs = Math.min(askedMs, REST_MAX_MS);
    const endMs = readAtMs + restMs - EARLY_MS;
    const early = calls.find(
      (one) =>
        // A look-up's rest binds look-ups alone.
        (kind === 'pay' || one.kind === 'find') &&
        one.writtenAtMs > readAtMs + ON_ITS_WAY_MS &&
        one.writtenAtMs < endMs,
    );
    if (early === undefined) continue;
    const afterMs = early.writtenAtMs - readAtMs;
    breaches.push(
      breach('polite', `it asked for a rest of ${restMs} ms, and was called ${afterMs} ms later`),
    );
    break;
  }
  const healthCount = exchanges.filter(({ kind }) => kind === 'health').length;
  if (healthCount > tookMs / HEALTH_INTERVAL_MS + 2)
    breaches.push(breach('polite', `${healthCount} health calls in ${tookMs} ms`));
  return breaches;
}

function unbounded({ payments, openCount, tookMs }: Course): Breach[] {
  const most = CALLS_FREE + tookMs / CALL_EVERY_MS;
  const breaches = payments
    .filter(({ exchanges }) => exchanges.length > most)
    .map(({ exchanges, payment }) =>
      breach('bounded', `${exchanges.length} requests in ${tookMs} ms`, payment.correlationId),
    );
  if (openCount > 0) breaches.push(breach('bounded', `${openCount} payments stay open while all is well`));
  return breaches;
}
