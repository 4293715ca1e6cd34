import assert from 'node:assert/strict';
import type { Clock } from '../../core/clock.ts';

export interface RetainedOptions {
  readonly clock: Clock;
  /** How long Redis may still lose an acknowledged write: longer than it takes to sync or replicate it. */
  readonly retentionMs: number;
  /** From here on `isFull` is true. Nothing is dropped: the caller must stop writing. */
  readonly limitBytes: number;
}

/** Calls a function of the library on the open books; returns the label of its write. */
export type Restore = (name: string, args: readonly (string | Buffer)[]) => Promise<Label>;

/** The number of a write, and the generation, which counts the purges before it. */
export interface Label {
  readonly number: number;
  readonly generation: number;
}

/** An earlier life of Redis acknowledged and lost the writes numbered above `after`, up to `upTo`. */
export interface Gap {
  readonly after: number;
  readonly upTo: number;
}

interface Write {
  readonly name: string;
  readonly args: readonly (string | Buffer)[];
  readonly bytes: number;
  label: Label;
  acknowledgedAtMs: number;
}

const PURGE = 'restorePurge';
/** Estimated memory of a write besides its arguments. */
const WRITE_BYTES = 256;
const NEVER_PURGED = Buffer.alloc(8);

/**
 * Recent writes that Redis acknowledged to one ledger, kept until Redis can no longer lose them. A `kill -9`, a power cut
 * or a failover may lose the latest ones, which are then restored from here.
 *
 * A write is not dropped by age alone: Redis may have crashed right after it, with the connection not closed yet. What
 * counts is how long after the write Redis is known to have been alive.
 *
 * | from     | to       | when                                                                     |
 * |----------|----------|--------------------------------------------------------------------------|
 * | (none)   | retained | Redis acknowledged it                                                    |
 * | retained | retained | Redis lost it and acknowledged it again, with a new label                |
 * | retained | (none)   | Redis answered a call sent `retentionMs` later, or the books changed     |
 */
export class Retained {
  readonly #options: RetainedOptions;
  /** In the order in which Redis executed them. */
  readonly #writes = new Set<Write>();
  #bytes = 0;

  constructor(options: RetainedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#options.limitBytes;
  }

  /** `name` is the function that restores the write, given `args` and the label's generation. */
  keep(label: Label, name: string, args: readonly (string | Buffer)[]): void {
    let bytes = WRITE_BYTES;
    for (const arg of args) bytes += arg.length;
    this.#bytes += bytes;
    this.#writes.add({ name, args, bytes, label, acknowledgedAtMs: this.#options.clock.monotonicMs() });
  }

  /** Drops what Redis can no longer lose, given that it answered a call sent at `sentAtMs` (monotonic). */
  answered(sentAtMs: number): void {
    for (const write of this.#writes) {
      if (sentAtMs - write.acknowledgedAtMs < this.#options.retentionMs) return;
      this.#drop(write);
    }
  }

  /** Drops all writes: their books are gone. */
  clear(): void {
    this.#writes.clear();
    this.#bytes = 0;
  }

  /**
   * Restores, in order, the writes that lie in a gap. Call it before any new command in this life of Redis. If `isLate`,
   * other gateways may have gone on already: then purges are not restored, since they would remove newer writes.
   * Throws what `restore` throws; the next call restores the rest.
   */
  async restore(restore: Restore, gaps: readonly Gap[], isLate: boolean): Promise<void> {
    // Writes that Redis loaded from a file may not be synced to disk yet.
    for (const write of this.#writes) write.acknowledgedAtMs = this.#options.clock.monotonicMs();
    const lost = [...this.#writes].filter(({ label }) => gaps.some((gap) => isWithin(label, gap)));
    const last = lost.at(-1);
    if (last === undefined) return;
    // The label of a later write proves the purge, even if the connection that purged is gone.
    if (!isLate) await restore(PURGE, [NEVER_PURGED, String(last.label.generation)]);
    for (const write of lost) {
      if (isLate && write.name === PURGE) this.#drop(write);
      else await this.#restore(restore, write);
    }
  }

  async #restore(restore: Restore, write: Write): Promise<void> {
    const label = await restore(write.name, [...write.args, String(write.label.generation)]);
    assert(label.number > write.label.number, 'a write number must not be used twice');
    write.label = { number: label.number, generation: write.label.generation };
    write.acknowledgedAtMs = this.#options.clock.monotonicMs();
  }

  #drop(write: Write): void {
    this.#writes.delete(write);
    this.#bytes -= write.bytes;
  }
}

function isWithin({ number }: Label, { after, upTo }: Gap): boolean {
  return number > after && number <= upTo;
}
