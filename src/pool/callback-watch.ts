import { type Clock, sleep } from '../core/clock.ts';
import { readUuid } from '../core/uuid.ts';
import { type CallbackRing, CallbackSlot } from '../shared-memory/callback-ring.ts';

export interface CallbackWatchParts {
  readonly ring: CallbackRing;
  /** The names of the processors. It may grow. */
  readonly names: readonly string[];
  /** Called with the ids that processors have called back about, by processor. */
  readonly onCallbacks: (ids: readonly ReadonlySet<string>[]) => void;
  readonly stopping: () => boolean;
  readonly clock: Clock;
}

/** How long callbacks gather, so that a flood of them wakes the thread seldom. */
const GATHER_MS = 20;

/** Hands the callbacks of processors to the dispatcher of a pool thread. */
export class CallbackWatch {
  readonly #parts: CallbackWatchParts;
  readonly #slot = new CallbackSlot();

  constructor(parts: CallbackWatchParts) {
    this.#parts = parts;
  }

  /** Runs until the shared state says stop, and then ends with the next callback, or with the thread. */
  async run(): Promise<void> {
    const { ring, clock, stopping } = this.#parts;
    for (;;) {
      await ring.wait();
      if (stopping()) return;
      this.#handOver();
      await sleep(clock, GATHER_MS);
    }
  }

  #handOver(): void {
    const { ring, names, onCallbacks } = this.#parts;
    const ids = names.map(() => new Set<string>());
    while (ring.take(this.#slot)) ids[this.#slot.processor]?.add(readUuid(this.#slot.id, 0));
    onCallbacks(ids);
  }
}
