import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import { type Bookmark, type Ledger, ok, type Reply } from './ledger.ts';
import type { ProcessorEvent } from './outbox.ts';

/** The name of a holder: each life of an instance has one of its own. */
export function holderOf(instanceId: string, life: string): string {
  return `${instanceId} ${life}`;
}

/** The instance that holds; null: none. */
export function instanceOf({ holder }: { readonly holder: string }): string | null {
  return holder === '' ? null : (holder.split(' ')[0] ?? null);
}

export interface ExclusiveBookmarkParts {
  readonly ledger: Pick<Ledger, 'bookmark' | 'setBookmark'>;
  readonly name: string;
  /** A holder that has written nothing for longer is replaced. */
  readonly silenceMaxMs: number;
  readonly clock: Clock;
}

/**
 * A bookmark that one instance at a time holds, and writes again and again to say that it lives. The others watch it. The
 * first to write a version wins, so a holder that has been replaced notices it with its next write.
 */
export class ExclusiveBookmark {
  readonly #parts: ExclusiveBookmarkParts;
  /** What others have written last, and since when. */
  #seen = { version: -1, sinceMs: 0 };
  /** The version that this holder has written, or wants to replace. */
  #version: number | null = null;
  #savedAtMs = 0;

  constructor(parts: ExclusiveBookmarkParts) {
    this.#parts = parts;
  }

  /** When its holder last wrote it. */
  get savedAtMs(): number {
    return this.#savedAtMs;
  }

  /** What is there, and whether its holder has been silent for too long. */
  async look(): Promise<Reply<Bookmark & { readonly isSilent: boolean }>> {
    const { ledger, name, silenceMaxMs, clock } = this.#parts;
    const reply = await ledger.bookmark(name);
    if (reply.kind === 'unavailable') return reply;
    const { version } = reply.value;
    const nowMs = clock.monotonicMs();
    if (version !== this.#seen.version) this.#seen = { version, sinceMs: nowMs };
    return ok({ ...reply.value, isSilent: nowMs - this.#seen.sinceMs >= silenceMaxMs });
  }

  /** The next write replaces this version, or another was faster. */
  take({ version }: Pick<Bookmark, 'version'>): void {
    this.#version = version;
  }

  /** False: another holds the bookmark now, or the ledger does not answer. */
  async save(text: string, events: readonly ProcessorEvent[] = []): Promise<boolean> {
    assert(this.#version !== null, 'only its holder writes a bookmark');
    const { ledger, name, clock } = this.#parts;
    const bookmark = { version: this.#version + 1, text };
    const atMs = clock.monotonicMs();
    const reply = await ledger.setBookmark(name, bookmark, events);
    if (reply.kind === 'unavailable' || !reply.value) return false;
    this.#version = bookmark.version;
    this.#savedAtMs = atMs;
    return true;
  }
}
