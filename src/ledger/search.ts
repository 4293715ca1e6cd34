import { isOpen, type PaymentStatus } from '../core/payment.ts';
import {
  type IndexedState,
  type Ledger,
  type LedgerEntry,
  type LedgerPage,
  ok,
  type Reply,
} from './ledger.ts';

export const SEARCHED_STATUSES = ['open', 'accepted', 'held', 'dispatched', 'settled', 'rejected'] as const;
/** `open` is accepted, held or dispatched. */
export type SearchedStatus = (typeof SEARCHED_STATUSES)[number];

/** Which payments are searched. What is null, empty or infinite leaves a side open. */
export interface PaymentFilter {
  readonly status: SearchedStatus | null;
  /** A name, which need not be configured any more. */
  readonly processor: string;
  /** Which of its times is within [fromMs, toMs], both inclusive. A payment that was never sent has no `requested`. */
  readonly time: 'accepted' | 'requested';
  readonly fromMs: number;
  readonly toMs: number;
  readonly minCents: number;
  readonly maxCents: number;
  /** A part of the reason why it was rejected, in any case. */
  readonly reason: string;
}

/** What a search goes through: only the payments in a state, or all that the books have. */
export type SearchedPart = IndexedState | 'all';

/** One page asks the ledger this often at most, however few payments are found: what it costs is bounded. */
const CALLS_A_PAGE = 8;

const INDEX_OF: Readonly<Record<PaymentStatus | 'open', SearchedPart>> = {
  open: 'open',
  accepted: 'open',
  held: 'held',
  dispatched: 'open',
  settled: 'all',
  rejected: 'rejected',
};

export function searchedPart({ status, reason }: PaymentFilter): SearchedPart {
  if (status === null) return reason === '' ? 'all' : 'rejected';
  return INDEX_OF[status];
}

/**
 * One page of a search, of at most `limit` payments. It may be short or empty although there are more: `next` is null on the
 * last page only. A payment that exists, and matches, during the whole iteration comes exactly once.
 */
export async function search(
  ledger: Pick<Ledger, 'page' | 'pageOf'>,
  filter: PaymentFilter,
  after: string,
  limit: number,
): Promise<Reply<LedgerPage>> {
  const part = searchedPart(filter);
  const found: LedgerEntry[] = [];
  let next: string | null = after;
  // A ledger is never asked for a handful, so a page that is more than half full is good enough.
  for (let call = 0; call < CALLS_A_PAGE && next !== null && 2 * found.length < limit; call++) {
    const room = limit - found.length;
    const reply: Reply<LedgerPage> =
      part === 'all'
        ? await ledger.page(-Infinity, Infinity, next, room)
        : await ledger.pageOf(part, next, room);
    if (reply.kind === 'unavailable') return reply;
    found.push(...reply.value.entries.filter((entry) => matches(filter, entry)));
    next = reply.value.next;
  }
  return ok({ entries: found, next });
}

function matches(filter: PaymentFilter, entry: LedgerEntry): boolean {
  const { status, processor, time, fromMs, toMs, minCents, maxCents, reason } = filter;
  if (status !== null && (status === 'open' ? !isOpen(entry) : entry.status !== status)) return false;
  if (processor !== '' && entry.processorName !== processor) return false;
  if (entry.amountCents < minCents || entry.amountCents > maxCents) return false;
  if (reason !== '' && !entry.reason.toLowerCase().includes(reason.toLowerCase())) return false;
  return isWithin(time === 'accepted' ? entry.acceptedAtMs : entry.requestedAtMs, fromMs, toMs);
}

/** 0 stands for a time that a payment does not have. */
function isWithin(ms: number, fromMs: number, toMs: number): boolean {
  if (ms === 0) return fromMs === -Infinity && toMs === Infinity;
  return ms >= fromMs && ms <= toMs;
}
