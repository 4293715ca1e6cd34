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
}

export function progressText(progress: Progress): string {
  return JSON.stringify(progress);
}

export function readProgress(text: string): Progress {
  return JSON.parse(text) as Progress;
}

/** The name of the bookmark. */
export function bookmarkOf(webhook: string): string {
  return `webhook:${webhook}`;
}
