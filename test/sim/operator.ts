import type { Ledger } from '../../src/ledger/ledger.ts';
import type { ProcessorControl } from '../../src/ledger/processor-controls.ts';
import { type Audit, nameOf } from './audit.ts';
import type { Pause } from './plan.ts';
import type { Timeline } from './timeline.ts';

/** The people who pause and resume processors, over a ledger that always answers. */
export class Operator {
  readonly #ledger: Ledger;
  readonly #timeline: Timeline;
  readonly #audit: Audit;
  /** How many pauses of each processor go on. */
  readonly #pauses: number[];
  #version = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ledger: Ledger, timeline: Timeline, audit: Audit, processorCount: number) {
    this.#ledger = ledger;
    this.#timeline = timeline;
    this.#audit = audit;
    this.#pauses = Array.from({ length: processorCount }, () => 0);
  }

  /** `untilMs`: by then every pause that ends has ended. */
  plan(pauses: readonly Pause[], untilMs: number): void {
    for (const { atMs, forMs, processor } of pauses) {
      this.#timeline.after(atMs, () => this.#change(processor, 1));
      if (forMs !== null)
        this.#timeline.after(Math.min(atMs + forMs, untilMs), () => this.#change(processor, -1));
    }
  }

  #change(processor: number, by: number): void {
    this.#pauses[processor] = (this.#pauses[processor] ?? 0) + by;
    const controls = { version: ++this.#version, processors: this.#controls() };
    this.#audit.tell(
      'operator',
      `paused: ${this.#pauses.map((count) => (count > 0 ? 'yes' : 'no')).join(' ')}`,
    );
    const set = this.#last.then(() => this.#ledger.setProcessorControls(controls));
    this.#last = set;
    void this.#timeline.during(set);
  }

  #controls(): Record<string, ProcessorControl> {
    const controlOf = (count: number) => ({
      isPaused: count > 0,
      fee: null,
      changedAtMs: this.#timeline.nowMs,
      changedBy: 'operator',
      reason: 'plan',
    });
    return Object.fromEntries(this.#pauses.map((count, index) => [nameOf(index), controlOf(count)]));
  }
}
