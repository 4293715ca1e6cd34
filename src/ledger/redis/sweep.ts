import type { Clock } from '../../core/clock.ts';
import type { Reply } from '../ledger.ts';
import type { Send } from './connection.ts';
import type { Key } from './keys.ts';
import { listOf } from './replies.ts';

const STEP = 500;
const PAUSE_MS = 10;

export interface SweepParts {
  readonly root: string;
  readonly clock: Clock;
  readonly ask: <T>(question: (send: Send) => Promise<T>) => Promise<Reply<T>>;
  readonly unlink: (send: Send, keys: readonly Key[]) => Promise<unknown>;
  /** Notes in the books that no generation below this one has keys. */
  readonly swept: (generation: number) => Promise<unknown>;
}

/**
 * Unlinks the keys of older generations in small steps. The next connection that opens the books continues if this is
 * cut short.
 */
export class Sweep {
  readonly #parts: SweepParts;
  /** The running sweep removes generations below this one; 0 if no sweep is running. */
  #below = 0;
  #cancel: () => void = () => {};

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  start(generation: number): void {
    const isRunning = this.#below > 0;
    this.#below = Math.max(this.#below, generation);
    if (!isRunning) this.#continue('0', this.#below);
  }

  stop(): void {
    this.#cancel();
    this.#below = 0;
  }

  #continue(cursor: string, generation: number): void {
    this.#cancel = this.#parts.clock.after(PAUSE_MS, () => void this.#step(cursor, generation));
  }

  async #step(cursor: string, generation: number): Promise<void> {
    const next = await this.#parts.ask((send) => this.#unlinkOld(send, generation, cursor));
    if (next.kind === 'unavailable') {
      this.#below = 0;
      return;
    }
    if (next.value !== '0') return this.#continue(next.value, generation);
    await this.#parts.swept(generation);
    if (this.#below > generation) return this.#continue('0', this.#below);
    this.#below = 0;
  }

  /** Unlinks the old keys of one SCAN step; returns the next cursor, `0` after the last. */
  async #unlinkOld(send: Send, generation: number, cursor: string): Promise<string> {
    const { root, unlink } = this.#parts;
    const [next, keys] = listOf(await send(['SCAN', cursor, 'MATCH', `${root}*`, 'COUNT', String(STEP)]));
    const old = listOf(keys)
      .map(String)
      .filter((key) => isOlder(key.slice(root.length), generation));
    if (old.length > 0) await unlink(send, old);
    return String(next);
  }
}

function isOlder(rest: string, generation: number): boolean {
  const found = /^(\d+):/.exec(rest);
  return found !== null && Number(found[1]) < generation;
}
