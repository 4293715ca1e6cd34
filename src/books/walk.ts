import { type Clock, sleep } from '../core/clock.ts';
import {
  type Ledger,
  type LedgerEntry,
  ok,
  type ProcessorTotals,
  type Reply,
  refused,
  SUM_TOO_LARGE,
} from '../ledger/ledger.ts';

export interface WalkParts {
  readonly clock: Clock;
  /** ±Infinity leaves a side open. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The pause between pages, so that a running gateway gets the ledger in between. */
  readonly pauseMs: number;
  /** The page to begin with, as `show` got it; default: the first. */
  readonly after?: string;
}

/** Entries that the ledger looks at for a page: a few milliseconds. */
const PAGE_ENTRIES = 500;
const TRIES = 8;
const TRY_AGAIN_MS = 500;

/** Calls `show` with every payment that may have been sent within the window (`Ledger.page`), a page at a time. */
export async function walk(
  ledger: Ledger,
  { clock, fromMs, toMs, pauseMs, after: first = '' }: WalkParts,
  show: (entries: readonly LedgerEntry[], next: string | null) => Promise<Reply<void>>,
): Promise<Reply<void>> {
  for (let after: string | null = first; after !== null; ) {
    const from: string = after;
    const page = await tried(clock, () => ledger.page(fromMs, toMs, from, PAGE_ENTRIES));
    if (page.kind === 'unavailable') return page;
    const shown = await show(page.value.entries, page.value.next);
    if (shown.kind === 'unavailable') return shown;
    after = page.value.next;
    if (after !== null && pauseMs > 0) await sleep(clock, pauseMs);
  }
  return ok(undefined);
}

/** Repeats a request that the ledger does not answer, for some seconds. */
export async function tried<T>(clock: Clock, ask: () => Promise<Reply<T>>): Promise<Reply<T>> {
  for (let attempt = 1; ; attempt++) {
    const reply = await ask();
    if (reply.kind === 'ok' || attempt === TRIES) return reply;
    await sleep(clock, TRY_AGAIN_MS);
  }
}

/** The totals up to `toMs`, with retries. */
export function totalsUntil(
  ledger: Ledger,
  clock: Clock,
  toMs = Infinity,
): Promise<Reply<ProcessorTotals[]>> {
  return tried(clock, async () => {
    const reply = await ledger.summary(-Infinity, toMs);
    if (reply.kind === 'too-large') return refused(SUM_TOO_LARGE);
    return reply.kind === 'too-fine' ? refused('the books are folded beyond this moment') : reply;
  });
}
