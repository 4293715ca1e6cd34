import { isOpen } from '../core/payment.ts';
import { type LedgerEntry, mayHaveBeenSent } from '../ledger/ledger.ts';
import { isWithin, type Period } from './period.ts';

/**
 * Payments that may explain a difference at one processor, most likely first:
 *
 * | rank | payment                                                                                   |
 * |------|-------------------------------------------------------------------------------------------|
 * | 0    | settled there, with a timestamp in a window that differs                                  |
 * | 1    | open: perhaps sent there, without an answer yet                                           |
 * | 2    | rejected, or settled elsewhere after more than one dispatch, one of them perhaps there    |
 * | 3    | settled elsewhere with the first dispatch: only a bug can have sent it there              |
 *
 * Ranks 2 and 3 are looked up only if the processor has charges that the ranks before do not explain.
 */
export const RANKS = [0, 1, 2, 3] as const;
export type Rank = (typeof RANKS)[number];

/** Maximum clock difference within the deployment: timestamps from different machines are compared. */
export const CLOCKS_APART_MS = 10_000;

/** The suspects at one processor, up to a limit per rank. */
export class Suspects {
  readonly #processor: number;
  readonly #periods: readonly Period[];
  readonly #limit: number;
  readonly #byRank: Record<Rank, LedgerEntry[]> = { 0: [], 1: [], 2: [], 3: [] };
  readonly #overflowing = new Set<Rank>();

  constructor(processor: number, periods: readonly Period[], limit: number) {
    this.#processor = processor;
    this.#periods = periods;
    this.#limit = limit;
  }

  consider(entry: LedgerEntry): void {
    const rank = this.#rankOf(entry);
    if (rank === null) return;
    if (this.#byRank[rank].length < this.#limit) this.#byRank[rank].push(entry);
    else this.#overflowing.add(rank);
  }

  of(rank: Rank): readonly LedgerEntry[] {
    return this.#byRank[rank];
  }

  /** Whether the rank has more suspects than the limit. */
  isOverflowing(rank: Rank): boolean {
    return this.#overflowing.has(rank);
  }

  #rankOf(entry: LedgerEntry): Rank | null {
    const { status, processor, requestedAtMs, attempts } = entry;
    if (status === 'settled' && processor === this.#processor) {
      return this.#periods.some((period) => isWithin(period, requestedAtMs)) ? 0 : null;
    }
    const mayHaveCome = this.#periods.some(({ fromMs, toMs }) =>
      mayHaveBeenSent(entry, fromMs - CLOCKS_APART_MS, toMs + CLOCKS_APART_MS),
    );
    if (!mayHaveCome) return null;
    if (isOpen(entry)) return 1;
    return status === 'rejected' || attempts > 1 ? 2 : 3;
  }
}
