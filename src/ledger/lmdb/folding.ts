import { type Folded, isForgotten, laterOf, NOTHING_FOLDED } from '../retention.ts';
import type { LmdbEntries } from './entries.ts';
import { BEFORE_ALL, FOLDING_KEY, foldingBytes, readFolding, type StoredFolding } from './records.ts';
import type { LmdbStore } from './store.ts';
import type { LmdbTimeIndex } from './time-index.ts';

/** Work for a step of a few milliseconds, because commits wait for it. A step can forget as much as a commit of 256 adds. */
const LOOKED_LIMIT = 2000;
const REMOVED_LIMIT = 256;

const NOTHING: StoredFolding = { folded: NOTHING_FOLDED, untilMs: 0, after: null };

export interface LmdbFoldingParts {
  readonly store: LmdbStore;
  readonly entries: LmdbEntries;
  readonly timeIndex: LmdbTimeIndex;
}

/**
 * Folds an LMDB ledger, a step in each transaction of the caller. Forgotten payments are found by walking through all
 * entries in the order of their keys: no further index has to be kept for them, and a walk is short beside the time
 * until the next.
 */
export class LmdbFolding {
  readonly #parts: LmdbFoldingParts;

  constructor(parts: LmdbFoldingParts) {
    this.#parts = parts;
  }

  get folded(): Folded {
    return this.#stored().folded;
  }

  /** True: there is more to do. */
  step(until: Folded): boolean {
    const { store, timeIndex } = this.#parts;
    const before = this.#stored();
    const folded = laterOf(before.folded, until);
    const isWalking = before.after !== null;
    const walk =
      isWalking || before.untilMs >= folded.secondsMs
        ? before
        : { untilMs: folded.secondsMs, after: BEFORE_ALL };
    const after = walk.after === null ? null : this.#walk(walk.after, walk.untilMs);
    const hasFinerUnits = timeIndex.fold(folded, REMOVED_LIMIT);
    const bytes = foldingBytes({ folded, untilMs: walk.untilMs, after });
    // A step that finds nothing to do must not make the disk sync.
    if (!bytes.equals(foldingBytes(before))) store.records.putSync(FOLDING_KEY, bytes);
    return hasFinerUnits || after !== null || walk.untilMs < folded.secondsMs;
  }

  /** The next steps fold up to this at least. Within a transaction of the caller. */
  raise(folded: Folded): void {
    const stored = this.#stored();
    const raised = { ...stored, folded: laterOf(stored.folded, folded) };
    this.#parts.store.records.putSync(FOLDING_KEY, foldingBytes(raised));
  }

  /** Within a transaction of the caller. */
  clear(): void {
    this.#parts.store.records.removeSync(FOLDING_KEY);
  }

  /** Forgets entries from a key on. Returns the last key that it has looked at; null after the last entry. */
  #walk(from: Buffer, untilMs: number): Buffer | null {
    const { entries } = this.#parts;
    const looked = entries.after(from, LOOKED_LIMIT, true);
    const old = looked
      .filter(([, entry]) => isForgotten(entry, entry.processorNumber === 0, untilMs))
      .map(([id]) => id);
    const forgotten = old.slice(0, REMOVED_LIMIT);
    entries.forget(forgotten);
    if (forgotten.length < old.length) return forgotten.at(-1) ?? null;
    return looked.length < LOOKED_LIMIT ? null : (looked.at(-1)?.[0] ?? null);
  }

  #stored(): StoredFolding {
    const bytes = this.#parts.store.records.get(FOLDING_KEY);
    return bytes === undefined ? NOTHING : readFolding(bytes);
  }
}
