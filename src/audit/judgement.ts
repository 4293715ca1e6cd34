import { isAwaited } from '../ledger/actions.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import { type Difference, type DifferenceKind, type Holding, stampOf } from './report.ts';

/** A processor's definite answer to a look-up. */
export type FoundForCertain =
  | { readonly kind: 'held'; readonly amountCents: number; readonly requestedAtMs: number }
  | { readonly kind: 'absent' };

/** Definite answers by processor index. */
export type Answers = ReadonlyMap<number, FoundForCertain>;

export interface JudgementParts {
  readonly processorNames: readonly string[];
  /** A settlement that is missing for longer than this is wrong. */
  readonly settlesWithinMs: number;
}

type Finding = Pick<Difference, 'kind' | 'state' | 'why'> & { readonly there: readonly Holding[] };

/** How our entry of one payment differs from the processors' answers. Empty: they agree. */
export function judge(
  entry: LedgerEntry,
  answers: Answers,
  nowMs: number,
  { processorNames, settlesWithinMs }: JudgementParts,
): Difference[] {
  const holders = processorNames.flatMap((name, processor) => {
    const answer = answers.get(processor);
    return answer?.kind === 'held' ? [{ ...answer, processor, name }] : [];
  });
  const findings =
    holders.length > 1
      ? [chargedTwice(holders)]
      : [
          ...missing(entry, answers),
          ...holders.flatMap((holder) => held(entry, holder, nowMs, settlesWithinMs)),
        ];
  const here = {
    status: entry.status,
    processor: entry.processorName,
    amountCents: entry.amountCents,
    requestedAt: entry.processorName === null ? null : stampOf(entry.requestedAtMs),
    attempts: entry.attempts,
  };
  return findings.map((finding) => ({ correlationId: entry.correlationId, here, ...finding }));
}

interface Holder {
  readonly processor: number;
  readonly name: string;
  readonly amountCents: number;
  readonly requestedAtMs: number;
}

function chargedTwice(holders: readonly Holder[]): Finding {
  const names = holders.map(({ name }) => `\`${name}\``).join(' and ');
  return {
    kind: 'charged-twice',
    state: 'wrong',
    there: holders.map(holding),
    why: `CHARGED TWICE: ${names} hold this payment, but only one of them should.`,
  };
}

function missing(entry: LedgerEntry, answers: Answers): Finding[] {
  const isMissing =
    entry.status === 'settled' && entry.processor !== null && answers.get(entry.processor)?.kind === 'absent';
  if (!isMissing) return [];
  const why = 'Settled here, but the processor does not hold it.';
  return [{ kind: 'only-here', state: 'wrong', there: [], why }];
}

function held(entry: LedgerEntry, holder: Holder, nowMs: number, settlesWithinMs: number): Finding[] {
  const there = [holding(holder)];
  const wrong = (kind: DifferenceKind, why: string): Finding => ({ kind, state: 'wrong', there, why });
  const differing =
    entry.amountCents === holder.amountCents || isAwaited(entry)
      ? []
      : [wrong('amount', 'The processor charged a different amount than was accepted.')];
  if (entry.processor !== holder.processor) return [wrong('only-there', whyElsewhere(entry)), ...differing];
  switch (entry.status) {
    case 'settled':
      return entry.requestedAtMs === holder.requestedAtMs
        ? differing
        : [...differing, wrong('stamp', 'The processor holds it with a different timestamp than our books.')];
    case 'dispatched':
      return differing.length > 0 ? differing : [unsettled(entry, holder, nowMs, settlesWithinMs)];
    case 'accepted':
    case 'held':
    case 'rejected':
      return [wrong('only-there', whyElsewhere(entry)), ...differing];
  }
}

/** Sent and charged, but not in our books yet. */
function unsettled(
  { requestedAtMs }: LedgerEntry,
  holder: Holder,
  nowMs: number,
  settlesWithinMs: number,
): Finding {
  const ageMs = nowMs - requestedAtMs;
  const sent = `Sent ${Math.round(ageMs / 1000)} s ago and held by the processor`;
  return {
    kind: 'only-there',
    there: [holding(holder)],
    ...(ageMs <= settlesWithinMs
      ? { state: 'settling', why: `${sent}; still settling here.` }
      : {
          state: 'wrong',
          why: `${sent}, but not settled here: overdue. Check that a gateway is running and reaches its ledger.`,
        }),
  };
}

function whyElsewhere({ status }: LedgerEntry): string {
  switch (status) {
    case 'settled':
      return 'The processor holds it, but here it is settled at another one.';
    case 'dispatched':
      return 'The processor holds it, but here it was later sent to another processor.';
    case 'accepted':
    case 'held':
      return 'The processor holds it, but here it was never sent.';
    case 'rejected':
      return 'The processor holds it, but here it was rejected.';
  }
}

function holding({ name, amountCents, requestedAtMs }: Holder): Holding {
  return { processor: name, amountCents, requestedAt: stampOf(requestedAtMs) };
}
