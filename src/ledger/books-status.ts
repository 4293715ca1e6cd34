import type { BOOKS_STATUSES } from '../shared-memory/metrics-table.ts';

/**
 * What the books are used for. While they are frozen, nothing in them changes except by `restoreEntries`: commits and
 * purges are answered `unavailable`, and takeovers move nothing, so that no gateway sends a payment that these books may
 * not know, or that other books already continue.
 *
 * | kind     | frozen | the books                                                    | ends with                          |
 * |----------|--------|--------------------------------------------------------------|------------------------------------|
 * | in-use   |        | are the deployment's books                                   |                                    |
 * | filling  | yes    | are being filled by an import or a migration                 | its end: in-use or behind          |
 * | moved    | yes    | were moved to others, which `detail` names                   |                                    |
 * | behind   | yes    | are a restored copy, which may not know what was charged since it was made | an audit: unproven or in-use |
 * | unproven |        | were compared, but processors hold charges that they do not know: each payment that is new to them is looked up at every processor before it is sent | an audit that finds the totals equal: in-use |
 */
export interface BooksStatus {
  readonly kind: BooksStatusKind;
  /** Since when, UTC; 0 while `in-use`. What a restored copy misses was accepted before. */
  readonly sinceMs: number;
  /** Where the books come from or went to, for people. */
  readonly detail: string;
  /** Where the command that fills or moves the books continues; only it can read this. */
  readonly progress?: string;
}

export type BooksStatusKind = (typeof BOOKS_STATUSES)[number];

export const IN_USE: BooksStatus = { kind: 'in-use', sinceMs: 0, detail: '' };

/** Why nothing may change in the books, and what to do; null: they are not frozen. */
export function frozenReason({ kind, detail }: BooksStatus): string | null {
  switch (kind) {
    case 'in-use':
    case 'unproven':
      return null;
    case 'filling':
      return `the books are being filled (${detail}): finish that first, by running the same command again`;
    case 'moved':
      return `the books were moved to ${detail}: start this gateway with that LEDGER_URL`;
    case 'behind':
      return `the books are a restored copy (${detail}) and may not know every charge: run dinossauro audit --adopt`;
  }
}

/** What the detail of books in use says that were moved from another ledger. */
export function continuing(ledger: string): string {
  return `continues ${ledger}`;
}

/** Ascending in what may be done with the books. */
const BY_RESTRICTION: readonly BooksStatusKind[] = ['moved', 'filling', 'behind', 'unproven', 'in-use'];

/** The status of books whose shards have these, because a command set it and was cut short, or one shard was restored. */
export function mostRestricted(statuses: readonly BooksStatus[]): BooksStatus {
  const rank = ({ kind }: BooksStatus) => BY_RESTRICTION.indexOf(kind);
  return statuses.reduce((most, status) => (rank(status) < rank(most) ? status : most), IN_USE);
}

export function booksStatusText(status: BooksStatus): string {
  return JSON.stringify(status);
}

/** Undefined or empty: books that have always been in use. */
export function readBooksStatus(text: string | undefined): BooksStatus {
  return text === undefined || text === '' ? IN_USE : (JSON.parse(text) as BooksStatus);
}
