import type { LedgerEntry } from '../ledger/ledger.ts';
import type { LookUpOutcome } from '../processor/processor.ts';
import { type Difference, type DifferenceKind, type Holding, stampOf } from './report.ts';

/** What a processor that was asked for a payment said. */
export type FoundForCertain = Exclude<LookUpOutcome, { kind: 'unknown' }>;

/** What those that were asked said, by their position. */
export type Answers = ReadonlyMap<number, FoundForCertain>;

export interface JudgementParts {
  readonly processorNames: readonly string[];
  /** After so long a settlement that is still missing is wrong. */
  readonly settlesWithinMs: number;
}

type Finding = Pick<Difference, 'kind' | 'state' | 'why'> & { readonly there: readonly Holding[] };

/** What is to be said of one payment: how our entry and the processors' answers differ. Empty: they agree. */
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
    requestedAt: entry.requestedAtMs === 0 ? null : stampOf(entry.requestedAtMs),
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
    why: `CHARGED TWICE: ${names} hold this payment, and only one of them should.`,
  };
}

function missing(entry: LedgerEntry, answers: Answers): Finding[] {
  const isMissing =
    entry.status === 'settled' && entry.processor !== null && answers.get(entry.processor)?.kind === 'absent';
  if (!isMissing) return [];
  const why = 'Settled here, and the processor says that it does not hold it.';
  return [{ kind: 'only-here', state: 'wrong', there: [], why }];
}

function held(entry: LedgerEntry, holder: Holder, nowMs: number, settlesWithinMs: number): Finding[] {
  const there = [holding(holder)];
  const wrong = (kind: DifferenceKind, why: string): Finding => ({ kind, state: 'wrong', there, why });
  const differing =
    entry.amountCents === holder.amountCents
      ? []
      : [wrong('amount', 'The processor has charged another amount than was accepted.')];
  if (entry.processor !== holder.processor) return [wrong('only-there', whyElsewhere(entry)), ...differing];
  switch (entry.status) {
    case 'settled':
      return entry.requestedAtMs === holder.requestedAtMs
        ? differing
        : [...differing, wrong('stamp', 'The processor holds it with another stamp than our books.')];
    case 'dispatched':
      return differing.length > 0 ? differing : [unsettled(entry, holder, nowMs, settlesWithinMs)];
    case 'accepted':
    case 'rejected':
      return [wrong('only-there', whyElsewhere(entry)), ...differing];
  }
}

/** On its way: sent, charged, and the books have yet to hear of it. */
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
      ? { state: 'settling', why: `${sent}: our books have yet to hear of it.` }
      : { state: 'wrong', why: `${sent}, and not settled: overdue, so look whether any gateway runs.` }),
  };
}

function whyElsewhere({ status }: LedgerEntry): string {
  switch (status) {
    case 'settled':
      return 'The processor holds it, and here it is settled at another one.';
    case 'dispatched':
      return 'The processor holds it, and here it was sent to another one since.';
    case 'accepted':
      return 'The processor holds it, and here it was never sent.';
    case 'rejected':
      return 'The processor holds it, and here it was set aside.';
  }
}

function holding({ name, amountCents, requestedAtMs }: Holder): Holding {
  return { processor: name, amountCents, requestedAt: stampOf(requestedAtMs) };
}
