import { createHash, type Hash } from 'node:crypto';
import { ATTEMPT_OUTCOMES, ATTEMPT_REASONS, type Attempt, type Story } from '../core/attempt.ts';
import { parseJsonObject } from '../core/json-object.ts';
import { isOpen, type PaymentStatus, type Totals } from '../core/payment.ts';
import { isUuid } from '../core/uuid.ts';
import type { FeeTotals, LedgerEntry, UnitTotals } from '../ledger/ledger.ts';
import { type Folded, isForgotten, NOTHING_FOLDED } from '../ledger/retention.ts';
import { isWhole, msOf, stampOf } from './line-field.ts';
import { readFee, readUnit } from './totals-line.ts';

/**
 * An export is text in UTF-8, one JSON object a line:
 *
 * 1. the header: format, when it was made, its window, the processors by name, up to where the books were folded;
 * 2. the totals of folded time: a line for each minute or hour and processor, ordered by time and name;
 * 3. a line for each processor and fee with what settled at it;
 * 4. a line for each payment (of one that is held and awaited, `amountCents` is 0), ordered by time and id; its time is `requestedAt`, or `acceptedAt` if it was never sent;
 * 5. the trailer: how many payments, the totals of all that has settled by processor, and the SHA-256 of all lines before,
 *    with their line ends.
 *
 * Format 1 has neither folded time nor fees.
 */
export const FORMAT = 2;
const FORMATS: readonly unknown[] = [1, FORMAT];

/** Everything that the books know about a payment, apart from who works on it. */
export type BooksEntry = Omit<LedgerEntry, 'owner' | 'processor'>;

export interface ExportHeader {
  readonly dinossauroExport: number;
  readonly exportedAt: string;
  /** Null: open. */
  readonly from: string | null;
  readonly to: string | null;
  readonly processors: readonly string[];
  /** When the books were last purged; null: never. Payments accepted before are refused. */
  readonly purgedAt: string | null;
  /** As `Folded`; null: the window has no folded time. */
  readonly folded: { readonly payments: string; readonly minutes: string } | null;
}

/** One line between header and trailer. */
export type ExportLine =
  | { readonly kind: 'payment'; readonly entry: BooksEntry }
  | { readonly kind: 'unit'; readonly totals: UnitTotals }
  | { readonly kind: 'fee'; readonly totals: FeeTotals };

export interface ExportTotals extends Totals {
  readonly processor: string;
}

export interface ExportTrailer {
  readonly count: number;
  readonly totals: readonly ExportTotals[];
  readonly sha256: string;
}

/** The time by which payments are ordered, and which the window of an export means. */
export function timeOf({ requestedAtMs, acceptedAtMs }: BooksEntry): number {
  return requestedAtMs === 0 ? acceptedAtMs : requestedAtMs;
}

/** Whether books that are folded this far may have forgotten it. */
export function isForgettable(entry: BooksEntry, { secondsMs }: Folded): boolean {
  return !isOpen(entry) && isForgotten(entry, entry.processorName === null, secondsMs);
}

/** The line of a payment, without its end. */
export function lineOf(entry: BooksEntry): string {
  const { correlationId, amountCents, status, acceptedAtMs, processorName, requestedAtMs } = entry;
  const { attempts, story, reason, conflictingAmountCents } = entry;
  return JSON.stringify({
    correlationId,
    amountCents,
    status,
    acceptedAt: stampOf(acceptedAtMs),
    ...(processorName !== null && {
      processor: processorName,
      requestedAt: stampOf(requestedAtMs),
      attempts,
    }),
    // One that an operator has opened again was sent before.
    ...(processorName === null && attempts > 0 && { attempts }),
    // When it was cancelled.
    ...(processorName === null && requestedAtMs > 0 && { requestedAt: stampOf(requestedAtMs) }),
    ...storyFields(story),
    ...(reason !== '' && { reason }),
    ...(conflictingAmountCents !== null && { conflictingAmountCents }),
  });
}

/** Undefined: none of these lines. */
export function readExportLine(text: string): ExportLine | undefined {
  const fields = parseJsonObject(text) ?? {};
  if ('minute' in fields || 'hour' in fields) {
    const totals = readUnit(fields);
    return totals && { kind: 'unit', totals };
  }
  if ('feePpm' in fields) {
    const totals = readFee(fields);
    return totals && { kind: 'fee', totals };
  }
  const entry = readEntry(fields);
  return entry && { kind: 'payment', entry };
}

/** Undefined: not the line of a payment. */
export function readLine(text: string): BooksEntry | undefined {
  const line = readExportLine(text);
  return line?.kind === 'payment' ? line.entry : undefined;
}

function readEntry(fields: Readonly<Record<string, unknown>>): BooksEntry | undefined {
  const {
    correlationId,
    amountCents,
    status,
    processor,
    reason = '',
    conflictingAmountCents = null,
  } = fields;
  const isUnsent = processor === undefined;
  const entry = {
    correlationId,
    amountCents,
    status,
    acceptedAtMs: msOf(fields['acceptedAt']),
    processorName: isUnsent ? null : processor,
    requestedAtMs: status === 'accepted' || status === 'held' ? 0 : msOf(fields['requestedAt']),
    attempts: isUnsent ? (fields['attempts'] ?? 0) : fields['attempts'],
    story: readStory(fields),
    reason,
    conflictingAmountCents,
  };
  return isEntry(entry) ? entry : undefined;
}

/** Older exports have no stories, and neither have payments that were never sent. */
function storyFields({ why, outcome, earlier }: Story): Record<string, unknown> {
  return {
    ...(why !== 'unknown' && { why }),
    ...(outcome !== 'unknown' && { outcome }),
    ...(earlier.length > 0 && {
      earlier: earlier.map(({ processorName, requestedAtMs, ...attempt }) => ({
        processor: processorName,
        requestedAt: stampOf(requestedAtMs),
        ...attempt,
      })),
    }),
  };
}

/** Undefined: not a story. */
function readStory({ why = 'unknown', outcome = 'unknown', earlier = [] }: Record<string, unknown>): unknown {
  if (!Array.isArray(earlier)) return undefined;
  const attempts = earlier.map((each: unknown) => {
    const fields: Record<string, unknown> = typeof each === 'object' && each !== null ? { ...each } : {};
    return {
      processorName: fields['processor'],
      requestedAtMs: msOf(fields['requestedAt']),
      why: fields['why'],
      outcome: fields['outcome'],
    };
  });
  const isStory = [{ processorName: 'none', requestedAtMs: 0, why, outcome }, ...attempts].every(isAttempt);
  return isStory ? { why, outcome, earlier: attempts } : undefined;
}

function isAttempt(attempt: { readonly [Field in keyof Attempt]: unknown }): boolean {
  return (
    typeof attempt.processorName === 'string' &&
    attempt.processorName !== '' &&
    isWhole(attempt.requestedAtMs, 0) &&
    (ATTEMPT_REASONS as readonly unknown[]).includes(attempt.why) &&
    (ATTEMPT_OUTCOMES as readonly unknown[]).includes(attempt.outcome)
  );
}

export function readHeader(text: string): ExportHeader | undefined {
  const fields = parseJsonObject(text);
  const processors = fields?.['processors'];
  const isHeader = FORMATS.includes(fields?.['dinossauroExport']) && Array.isArray(processors);
  return isHeader ? ({ folded: null, ...fields } as unknown as ExportHeader) : undefined;
}

/** Up to where the books of an export were folded. */
export function foldedOf({ folded }: ExportHeader): Folded {
  if (folded === null) return NOTHING_FOLDED;
  return { secondsMs: msOf(folded.payments), minutesMs: msOf(folded.minutes) };
}

export function readTrailer(text: string): ExportTrailer | undefined {
  const fields = parseJsonObject(text);
  const isTrailer = typeof fields?.['sha256'] === 'string' && Array.isArray(fields['totals']);
  return isTrailer ? (fields as unknown as ExportTrailer) : undefined;
}

/** Adds up the lines of an export, while it is written and while it is read. */
export class ExportSums {
  readonly #hash: Hash = createHash('sha256');
  readonly #totals = new Map<string, { count: number; amountCents: number }>();
  #count = 0;

  /** A line with its end. */
  addText(text: string): void {
    this.#hash.update(text);
  }

  /** What settled in folded time is in the totals of its minute or hour. */
  addLine(line: ExportLine, folded: Folded): void {
    switch (line.kind) {
      case 'payment': {
        this.#count++;
        const { status, processorName, amountCents, requestedAtMs } = line.entry;
        if (status !== 'settled' || processorName === null || requestedAtMs < folded.secondsMs) return;
        this.#add(processorName, 1, amountCents);
        break;
      }
      case 'unit':
        this.#add(line.totals.name, line.totals.count, line.totals.amountCents);
        break;
      case 'fee':
        break;
    }
  }

  #add(processor: string, count: number, amountCents: number): void {
    const totals = this.#totals.get(processor) ?? { count: 0, amountCents: 0 };
    totals.count += count;
    totals.amountCents += amountCents;
    this.#totals.set(processor, totals);
  }

  trailer(): ExportTrailer {
    const totals = Array.from(this.#totals, ([processor, sums]) => ({ processor, ...sums }));
    totals.sort((one, other) => (one.processor < other.processor ? -1 : 1));
    return { count: this.#count, totals, sha256: this.#hash.copy().digest('hex') };
  }
}

const STATUSES: readonly unknown[] = [
  'accepted',
  'held',
  'dispatched',
  'settled',
  'rejected',
] satisfies PaymentStatus[];

function isEntry(entry: { readonly [Field in keyof BooksEntry]: unknown }): entry is BooksEntry {
  const { correlationId, status, processorName, reason, conflictingAmountCents } = entry;
  return (
    typeof correlationId === 'string' &&
    isUuid(correlationId) &&
    STATUSES.includes(status) &&
    isWhole(entry.amountCents, status === 'held' ? 0 : 1) &&
    isWhole(entry.acceptedAtMs, 0) &&
    isWhole(entry.requestedAtMs, 0) &&
    isWhole(entry.attempts, 0) &&
    (processorName === null
      ? status === 'accepted' || status === 'held' || status === 'rejected'
      : status !== 'accepted' &&
        status !== 'held' &&
        typeof processorName === 'string' &&
        processorName !== '') &&
    entry.story !== undefined &&
    typeof reason === 'string' &&
    (conflictingAmountCents === null || isWhole(conflictingAmountCents, 1))
  );
}
