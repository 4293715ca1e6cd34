import type { Fee } from '../../src/core/fee.ts';
import type { ChangedLimits } from '../../src/core/terms.ts';
import { ACTION_PAYMENTS_MAX, type Reopening } from '../../src/ledger/actions.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { hold, release } from '../../src/ledger/hold.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { ProcessorControl } from '../../src/ledger/processor-controls.ts';
import { sendAgain } from '../../src/ledger/send-again.ts';
import { must } from '../ledger/samples.ts';
import { type Audit, nameOf } from './audit.ts';
import type { Cancel, Hold, Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/**
 * The people who add, pause, resume and remove processors, change their fees and limits, have payments sent again, and cancel, hold and
 * release them, over a ledger that always answers.
 */
export class Operator {
  readonly #ledger: Ledger;
  readonly #timeline: Timeline;
  readonly #audit: Audit;
  /** How many pauses of each processor go on, and how many removals. */
  readonly #pauses: number[];
  readonly #removals: number[];
  /** The last processor was added while the deployment ran. */
  #isLastAdded = false;
  /** What they have made of the fee of each processor; null: nothing. */
  readonly #fees: (Fee | null)[];
  /** The same for its limits; empty: nothing. */
  readonly #limits: ChangedLimits[];
  #version = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ledger: Ledger, timeline: Timeline, audit: Audit, processorCount: number) {
    this.#ledger = ledger;
    this.#timeline = timeline;
    this.#audit = audit;
    this.#pauses = Array.from({ length: processorCount }, () => 0);
    this.#removals = this.#pauses.map(() => 0);
    this.#fees = this.#pauses.map(() => null);
    this.#limits = this.#pauses.map(() => ({}));
  }

  /**
   * `untilMs`: by then every pause that ends has ended, and every amount is taken as configured: what is in doubt at a
   * processor that is not believed and does not take its amount waits until others show that it works.
   */
  plan({ pauses, lastAddedAtMs, feeChanges, limitChanges }: Plan, untilMs: number): void {
    for (const { atMs, forMs, processor, removes = false } of pauses) {
      const counts = removes ? this.#removals : this.#pauses;
      this.#timeline.after(atMs, () => this.#count(counts, processor, 1));
      if (forMs !== null)
        this.#timeline.after(Math.min(atMs + forMs, untilMs), () => this.#count(counts, processor, -1));
    }
    if (lastAddedAtMs !== null)
      this.#timeline.after(Math.min(lastAddedAtMs, untilMs), () => {
        this.#isLastAdded = true;
        this.#change();
      });
    for (const { atMs, processor, feePpm, feeFixedCents } of feeChanges) {
      this.#timeline.after(atMs, () => {
        this.#fees[processor] = { feePpm, feeFixedCents };
        this.#change();
      });
    }
    for (const { atMs, processor, limits } of limitChanges) {
      this.#timeline.after(atMs, () => {
        this.#limits[processor] = limits;
        this.#change();
      });
    }
    if (limitChanges.length > 0) this.#timeline.after(untilMs, () => this.#takeAmountsAsConfigured());
  }

  #takeAmountsAsConfigured(): void {
    for (const [processor, { minAmountCents, maxAmountCents, ...calls }] of this.#limits.entries())
      this.#limits[processor] = calls;
    this.#change();
  }

  /** At these times, has payments sent again, whatever their state is: the books must refuse those that were not rejected. */
  sendAgain(timesMs: readonly number[], [first, ...others]: readonly string[], random: Random): void {
    if (first === undefined) return;
    const ids = [first, ...others] as const;
    for (const atMs of timesMs) {
      this.#timeline.after(atMs, () => {
        const chosen = [...new Set(Array.from({ length: ACTION_PAYMENTS_MAX }, () => random.pick(ids)))];
        this.#next(() => this.#sendAgain(chosen));
      });
    }
  }

  cancel(cancels: readonly Cancel[]): void {
    for (const each of cancels) this.#timeline.after(each.atMs, () => this.#next(() => this.#cancel(each)));
  }

  /** `untilMs`: by then all are released. */
  hold(holds: readonly Hold[], untilMs: number): void {
    for (const { atMs, forMs, correlationId } of holds) {
      const heldForMs = Math.max(0, Math.min(forMs, untilMs - atMs));
      this.#timeline.after(atMs, () => {
        this.#next(() => this.#hold(correlationId));
        this.#timeline.after(heldForMs, () => this.#next(() => this.#release(correlationId)));
      });
    }
  }

  /** One after the other, in time that stands still. */
  #next(act: () => Promise<unknown>): void {
    this.#last = this.#last.then(act);
    void this.#timeline.during(this.#last);
  }

  async #hold(correlationId: string): Promise<void> {
    const action = { what: 'hold', atMs: this.#timeline.nowMs, by: 'operator', why: 'plan' } as const;
    const [reply] = await must(hold(this.#ledger, action, [{ correlationId }]));
    this.#audit.held(correlationId, reply);
  }

  async #release(correlationId: string): Promise<void> {
    const action = { what: 'release', atMs: this.#timeline.nowMs, by: 'operator', why: 'plan' } as const;
    this.#audit.releasing(correlationId);
    await must(release(this.#ledger, 'operator', action, [{ correlationId }]));
  }

  async #cancel({ correlationId, amountCents }: Cancel): Promise<void> {
    const action = { what: 'cancel', atMs: this.#timeline.nowMs, by: 'operator', why: 'plan' } as const;
    const [reply] = await must(cancel(this.#ledger, action, [{ correlationId, amountCents }]));
    this.#audit.cancelled(correlationId, reply);
  }

  async #sendAgain(ids: readonly string[]): Promise<void> {
    const payments: Reopening[] = [];
    for (const correlationId of ids) {
      const found = await must(this.#ledger.find(correlationId));
      payments.push({ correlationId, attempts: found?.attempts ?? 1 });
    }
    const action = { what: 'send-again', atMs: this.#timeline.nowMs, by: 'operator', why: 'plan' } as const;
    this.#audit.reopened(payments, await must(sendAgain(this.#ledger, 'operator', action, payments)));
  }

  #count(counts: number[], processor: number, by: number): void {
    counts[processor] = (counts[processor] ?? 0) + by;
    this.#change();
  }

  #change(): void {
    const controls = { version: ++this.#version, processors: this.#controls() };
    this.#audit.tell('operator', JSON.stringify(controls));
    this.#next(() => this.#ledger.setProcessorControls(controls));
  }

  #controls(): Record<string, ProcessorControl> {
    const last = this.#pauses.length - 1;
    const controlOf = (count: number, processor: number) => ({
      ...(processor === last && this.#isLastAdded && { definition: { name: nameOf(last) } }),
      ...((this.#removals[processor] ?? 0) > 0 && { isRemoved: true }),
      isPaused: count > 0,
      fee: this.#fees[processor] ?? null,
      limits: this.#limits[processor] ?? {},
      changedAtMs: this.#timeline.nowMs,
      by: 'operator',
      why: 'plan',
    });
    return Object.fromEntries(this.#pauses.map((count, index) => [nameOf(index), controlOf(count, index)]));
  }
}
