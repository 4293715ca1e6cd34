import type { Fee } from '../../src/core/fee.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { ProcessorControl } from '../../src/ledger/processor-controls.ts';
import { type Audit, nameOf } from './audit.ts';
import type { Plan } from './plan.ts';
import type { Timeline } from './timeline.ts';

/** The people who pause and resume processors and change their fees, over a ledger that always answers. */
export class Operator {
  readonly #ledger: Ledger;
  readonly #timeline: Timeline;
  readonly #audit: Audit;
  /** How many pauses of each processor go on. */
  readonly #pauses: number[];
  /** What they have made of the fee of each processor; null: nothing. */
  readonly #fees: (Fee | null)[];
  #version = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ledger: Ledger, timeline: Timeline, audit: Audit, processorCount: number) {
    this.#ledger = ledger;
    this.#timeline = timeline;
    this.#audit = audit;
    this.#pauses = Array.from({ length: processorCount }, () => 0);
    this.#fees = this.#pauses.map(() => null);
  }

  /** `untilMs`: by then every pause that ends has ended. */
  plan({ pauses, feeChanges }: Plan, untilMs: number): void {
    for (const { atMs, forMs, processor } of pauses) {
      this.#timeline.after(atMs, () => this.#pause(processor, 1));
      if (forMs !== null)
        this.#timeline.after(Math.min(atMs + forMs, untilMs), () => this.#pause(processor, -1));
    }
    for (const { atMs, processor, feePpm, feeFixedCents } of feeChanges) {
      this.#timeline.after(atMs, () => {
        this.#fees[processor] = { feePpm, feeFixedCents };
        this.#change();
      });
    }
  }

  #pause(processor: number, by: number): void {
    this.#pauses[processor] = (this.#pauses[processor] ?? 0) + by;
    this.#change();
  }

  #change(): void {
    const controls = { version: ++this.#version, processors: this.#controls() };
    this.#audit.tell('operator', JSON.stringify(controls));
    const set = this.#last.then(() => this.#ledger.setProcessorControls(controls));
    this.#last = set;
    void this.#timeline.during(set);
  }

  #controls(): Record<string, ProcessorControl> {
    const controlOf = (count: number, processor: number) => ({
      isPaused: count > 0,
      fee: this.#fees[processor] ?? null,
      changedAtMs: this.#timeline.nowMs,
      changedBy: 'operator',
      reason: 'plan',
    });
    return Object.fromEntries(this.#pauses.map((count, index) => [nameOf(index), controlOf(count, index)]));
  }
}
