import assert from 'node:assert/strict';
import type { Clock } from '../../core/clock.ts';

export interface RetainedOptions {
  readonly clock: Clock;
  /** How old an answer may be that Redis still forgets: more than it takes to sync, or to reach a replica. */
  readonly retentionMs: number;
  /** What may be kept, at most; nothing is dropped for it, but `isFull` says so. */
  readonly limitBytes: number;
}

/** Calls a function of the library in the books that are open; answers the label of what it has written. */
export type Restore = (name: string, args: readonly (string | Buffer)[]) => Promise<Label>;

/** Redis counts the writes it has done, and the purges among them. */
export interface Label {
  readonly number: number;
  readonly generation: number;
}

/** Writes numbered above `after`, up to `upTo`, were acknowledged by an earlier life of Redis and forgotten. */
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
/** What a write takes in memory besides its arguments. */
const WRITE_BYTES = 256;
const NEVER_PURGED = Buffer.alloc(8);

/**
 * What Redis has acknowledged lately to one connection, kept until Redis can't forget it any more, to be said again
 * if it does: a `kill -9`, a power cut or a failover may cost it its last moments.
 *
 * Time alone is no reason to let go of a write. Redis may have died right after it, and the connection not have
 * noticed yet; so what counts is how long after it Redis is known to have lived.
 *
 * | from     | to       | when                                                                     |
 * |----------|----------|--------------------------------------------------------------------------|
 * | (none)   | retained | Redis has acknowledged it                                                |
 * | retained | retained | Redis has forgotten it, and acknowledged it again: with a new label      |
 * | retained | (none)   | Redis has answered something asked `retentionMs` later, or has other books |
 */
export class Retained {
  readonly #options: RetainedOptions;
  /** In the order in which Redis has done them. */
  readonly #writes = new Set<Write>();
  #bytes = 0;

  constructor(options: RetainedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#options.limitBytes;
  }

  /** `name` is the function of the library that does it again, given `args` and the label's generation. */
  keep(label: Label, name: string, args: readonly (string | Buffer)[]): void {
    let bytes = WRITE_BYTES;
    for (const arg of args) bytes += arg.length;
    this.#bytes += bytes;
    this.#writes.add({ name, args, bytes, label, acknowledgedAtMs: this.#options.clock.monotonicMs() });
  }

  /** Redis has answered what was sent at `sentAtMs` (monotonic). */
  answered(sentAtMs: number): void {
    for (const write of this.#writes) {
      if (sentAtMs - write.acknowledgedAtMs < this.#options.retentionMs) return;
      this.#drop(write);
    }
  }

  /** The books it was written in are no more. */
  clear(): void {
    this.#writes.clear();
    this.#bytes = 0;
  }

  /**
   * Says again, in order, what lies in a gap; before anything new is asked of this Redis. When `isLate`, others may
   * have gone on without it: then a purge is not repeated, because it would take what they have written since.
   * Throws what `restore` throws; what is left is said again the next time.
   */
  async restore(restore: Restore, gaps: readonly Gap[], isLate: boolean): Promise<void> {
    // What this life of Redis has read from a file may not have reached the disk under it yet.
    for (const write of this.#writes) write.acknowledgedAtMs = this.#options.clock.monotonicMs();
    const lost = [...this.#writes].filter(({ label }) => gaps.some((gap) => isWithin(label, gap)));
    const last = lost.at(-1);
    if (last === undefined) return;
    // Whoever wrote after a purge knows of it by the label, even if the connection that purged is gone.
    if (!isLate) await restore(PURGE, [NEVER_PURGED, String(last.label.generation)]);
    for (const write of lost) {
      if (isLate && write.name === PURGE) this.#drop(write);
      else await this.#restore(restore, write);
    }
  }

  async #restore(restore: Restore, write: Write): Promise<void> {
    const label = await restore(write.name, [...write.args, String(write.label.generation)]);
    assert(label.number > write.label.number, 'a number is given once');
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
