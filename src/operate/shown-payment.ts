import { centsToDecimal, decimalToCents } from '../core/money.ts';
import { tableLines, widthsOf } from './table.ts';

/** A payment as a gateway shows it. Amounts are decimals as text, because a float could not hold every one. */
export interface ShownPayment {
  readonly correlationId: string;
  readonly status: string;
  /** Undefined: no instance has claimed the payment since an operator held it. */
  readonly amount?: string;
  readonly conflictingAmount?: string;
  readonly acceptedAt: string;
  readonly processor: string | null;
  readonly requestedAt: string | null;
  readonly attempts: number;
  readonly reason?: string;
}

export interface ShownPage {
  readonly payments: readonly ShownPayment[];
  readonly next: string | null;
  readonly instance: { readonly name: string; readonly waiting: number; readonly inDoubt: number };
}

const AMOUNTS = ['amount', 'conflictingAmount'];

/** Reads an answer of a gateway. Its amounts become text. Throws if it is not JSON. */
export function readShown(text: string): unknown {
  return JSON.parse(text, (name, value: unknown, context?: { source?: string }) => {
    if (!AMOUNTS.includes(name) || typeof value !== 'number') return value;
    return centsToDecimal(decimalToCents(context?.source ?? '') ?? 0);
  });
}

/** The payment as JSON in one line, with its amounts as numbers. */
export function jsonLine({ amount, conflictingAmount, ...rest }: ShownPayment): string {
  const amounts = Object.entries({ amount, conflictingAmount }).flatMap(([name, decimal]) =>
    decimal === undefined ? [] : [`"${name}":${decimal}`],
  );
  return `{${[...amounts, JSON.stringify(rest).slice(1)].join(',')}`;
}

const COLUMNS: readonly (readonly [
  title: string,
  heading: string,
  cell: (payment: ShownPayment) => string,
])[] = [
  ['correlationId', 'PAYMENT', ({ correlationId }) => correlationId],
  ['status', 'STATUS', ({ status }) => status],
  ['amount', 'AMOUNT', ({ amount }) => amount ?? ''],
  ['acceptedAt', 'ACCEPTED', ({ acceptedAt }) => acceptedAt],
  ['processor', 'PROCESSOR', ({ processor }) => processor ?? ''],
  ['requestedAt', 'SENT', ({ requestedAt }) => requestedAt ?? ''],
  ['attempts', 'TRIES', ({ attempts }) => String(attempts)],
  ['reason', 'REASON', ({ reason }) => reason ?? ''],
  ['conflictingAmount', 'OTHER AMOUNT', ({ conflictingAmount }) => conflictingAmount ?? ''],
];
const HEADINGS = COLUMNS.map(([, heading]) => heading);
const RIGHT = ['AMOUNT', 'TRIES', 'OTHER AMOUNT'].map((heading) => HEADINGS.indexOf(heading));

export const CSV_HEADER = COLUMNS.map(([title]) => title).join(',');

/** A line of CSV (RFC 4180), without its end. */
export function csvLine(payment: ShownPayment): string {
  return COLUMNS.map(([, , cell]) => quoted(cell(payment))).join(',');
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Columns for a terminal; all pages have the widths of the first. */
export class PaymentTable {
  #widths: readonly number[] | null = null;

  /** The lines of a page, those of the first one below headings. */
  lines(payments: readonly ShownPayment[]): string[] {
    const rows = payments.map((payment) => COLUMNS.map(([, , cell]) => cell(payment)));
    const shown = this.#widths === null ? [HEADINGS, ...rows] : rows;
    this.#widths ??= widthsOf(shown);
    return tableLines(shown, this.#widths, RIGHT);
  }
}
