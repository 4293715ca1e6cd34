import { type Bookmark, type Ledger, ok, type Reply } from '../ledger/ledger.ts';
import { cursorAt } from '../ledger/outbox.ts';

/**
 * How far an endpoint has come: a bookmark of the ledger, as JSON.
 *
 * | state     | `disabled` | `failingSinceMs` | what happens                                                      |
 * |-----------|------------|------------------|-------------------------------------------------------------------|
 * | delivers  | null       | null             | events behind `cursor` are posted                                 |
 * | failing   | null       | a time           | the same event again, after growing pauses, for a day             |
 * | disabled  | set        | null             | nothing, until an operator enables it; its events are still kept  |
 */
export interface Progress {
  /** Every event before it was delivered. */
  readonly cursor: string;
  /** Who delivers now; empty: it is free. */
  readonly holder: string;
  readonly failingSinceMs: number | null;
  readonly disabled: { readonly atMs: number; readonly reason: string } | null;
  /** When it last took an event; null: never. */
  readonly deliveredAtMs: number | null;
  /** How often it has failed since it worked. */
  readonly failures: number;
  /** Kept when it works again. */
  readonly lastFailure: { readonly atMs: number; readonly reason: string } | null;
}

type ProgressLedger = Pick<Ledger, 'bookmark' | 'setBookmark' | 'outboxEnd'>;

/** Instances and operators that change the same bookmark at the same moment. */
const ATTEMPTS_MAX = 10;

/** The progress of a new endpoint: it gets the events after `cursor`. */
export function beginning(cursor: string): Progress {
  return {
    cursor,
    holder: '',
    failingSinceMs: null,
    disabled: null,
    deliveredAtMs: null,
    failures: 0,
    lastFailure: null,
  };
}

export function progressText(progress: Progress): string {
  return JSON.stringify(progress);
}

/** What a version did not write yet is as at the beginning. */
export function readProgress(text: string): Progress {
  return { ...beginning(''), ...(JSON.parse(text) as Partial<Progress>) };
}

/** The name of the bookmark. */
export function bookmarkOf(webhook: string): string {
  return `webhook:${webhook}`;
}

/** Has an endpoint get its events from where it was, and at once: also one that fails, and waits for its next try. */
export function enabled(before: Progress): Progress {
  return { ...before, disabled: null, failingSinceMs: null, failures: 0, holder: '' };
}

/** Has all events from a time on delivered again. */
export function replayed(before: Progress, fromMs: number): Progress {
  return { ...before, cursor: cursorAt(fromMs), holder: '' };
}

/** What a bookmark says. A new endpoint gets what happens from now on. */
export async function progressOf(
  ledger: Pick<Ledger, 'outboxEnd'>,
  { version, text }: Bookmark,
): Promise<Reply<Progress>> {
  if (version !== 0) return ok(readProgress(text));
  const end = await ledger.outboxEnd();
  return end.kind === 'unavailable' ? end : ok(beginning(end.value));
}

/**
 * What an operator changes. The instance that delivers notices it with its next write, and continues from what it says.
 * Null: others changed it at the same time, again and again.
 */
export async function changeProgress(
  ledger: ProgressLedger,
  name: string,
  change: (before: Progress) => Progress,
): Promise<Reply<Progress | null>> {
  const key = bookmarkOf(name);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const reply = await ledger.bookmark(key);
    if (reply.kind === 'unavailable') return reply;
    const before = await progressOf(ledger, reply.value);
    if (before.kind === 'unavailable') return before;
    const next = change(before.value);
    const set = await ledger.setBookmark(key, {
      version: reply.value.version + 1,
      text: progressText(next),
    });
    if (set.kind === 'unavailable') return set;
    if (set.value) return ok(next);
  }
  return ok(null);
}
