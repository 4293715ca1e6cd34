import type { LedgerEntry } from '../ledger/ledger.ts';
import type { FoundForCertain } from './judgement.ts';
import type { Suspicion } from './narrowing.ts';
import { type Compared, isSame, isWithin, minus, NOTHING, type Period, plus } from './period.ts';
import { stampOf, type WindowReport } from './report.ts';

type Held = Extract<FoundForCertain, { kind: 'held' }>;

/** A period in which one processor's books differ from ours, while its payments are checked. */
export class AuditWindow implements Period {
  readonly processor: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly #first: Compared;
  #listed = NOTHING;
  /** Those of our payments that the processor holds. */
  #held = NOTHING;
  #hasOtherAmounts = false;
  #isUnfinished = false;

  constructor(processor: number, { fromMs, toMs, here, there }: Suspicion) {
    this.processor = processor;
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.#first = { here, there };
  }

  /** Whether the processor counts only payments of ours here. */
  get isAccountedFor(): boolean {
    return this.#first.there !== null && isSame(this.#first.there, this.#held);
  }

  /** Counts one of our payments, if it is settled in this window. */
  list({ status, processor, requestedAtMs, amountCents }: LedgerEntry): void {
    if (status !== 'settled' || processor !== this.processor || !isWithin(this, requestedAtMs)) return;
    this.#listed = plus(this.#listed, { count: 1, amountCents });
  }

  /** Counts one of our payments, if the processor holds it with a timestamp in this window. */
  hold(entry: LedgerEntry, { amountCents, requestedAtMs }: Held): void {
    if (!isWithin(this, requestedAtMs)) return;
    this.#held = plus(this.#held, { count: 1, amountCents });
    if (entry.amountCents !== amountCents) this.#hasOtherAmounts = true;
  }

  /** Records that a payment could not be looked up. */
  leaveUnfinished(): void {
    this.#isUnfinished = true;
  }

  /**
   * Reports what remains of the window, given the current totals; null: nothing. Payments from `youngFromMs` on may
   * still settle. `hasDifferences`: the audit has found payments that differ.
   */
  report(now: Compared, youngFromMs: number, hasDifferences: boolean): WindowReport | null {
    const { here, there } = now;
    const remainder = there === null ? null : minus(there, this.#held);
    const state = this.#state(now, youngFromMs, hasDifferences);
    if (state === null) return null;
    const [from, to] = [stampOf(this.fromMs), stampOf(this.toMs)];
    return { from, to, here, there, listed: this.#listed, remainder, state };
  }

  #state(
    { here, there }: Compared,
    youngFromMs: number,
    hasDifferences: boolean,
  ): WindowReport['state'] | null {
    if (there === null) return 'unknown';
    const hasRemainder = !isSame(there, this.#held);
    // While payments settle, the walk may have seen either state of our books.
    const isListed =
      this.#adds(here.count, here.amountCents) ||
      this.#adds(this.#first.here.count, this.#first.here.amountCents);
    if (hasRemainder || !isListed) {
      if (this.toMs >= youngFromMs) return isSame(here, there) ? null : 'settling';
      return hasRemainder && this.#isUnfinished ? 'unknown' : 'wrong';
    }
    if (isSame(here, there)) return null;
    if (hasDifferences) return 'explained';
    return this.toMs >= youngFromMs ? 'settling' : 'unknown';
  }

  /** Amounts are ignored if the processor charged different ones: those are reported as differences of their payments. */
  #adds(count: number, amountCents: number): boolean {
    return (
      this.#listed.count === count && (this.#hasOtherAmounts || this.#listed.amountCents === amountCents)
    );
  }
}
