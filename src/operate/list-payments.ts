import { type Clock, sleep } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import { askGateway, type GatewayAddress } from './gateway.ts';
import { CSV_HEADER, csvLine, jsonLine, PaymentTable, readShown, type ShownPage } from './shown-payment.ts';

export interface PaymentsOrder extends GatewayAddress {
  /** Parameters of `GET /payments`. */
  readonly filters: Readonly<Record<string, string>>;
  /** The most payments; Infinity: all. */
  readonly limit: number;
  readonly format: 'table' | 'json' | 'csv';
}

export interface Surroundings {
  readonly clock: Clock;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
}

const PAGE_MAX = 500;
/** A page is asked for again while the ledger does not answer: a walk through large books lasts. */
const TRIES = 5;
const TRY_AGAIN_MS = 1000;

/** Implements `dinossauro payments`. False: it failed, and has said why. */
export async function listPayments(order: PaymentsOrder, surroundings: Surroundings): Promise<boolean> {
  const { print, complain } = surroundings;
  const show = shower(order.format, print);
  let [left, after]: [number, string | null] = [order.limit, ''];
  while (left > 0 && after !== null) {
    const page = await askPage(order, Math.min(left, PAGE_MAX), after, surroundings);
    if (page.kind === 'failed') {
      for (const line of page.lines) complain(`dinossauro: ${line}`);
      return false;
    }
    const { payments, next, instance } = page.value;
    show(page.value);
    if (after === '' && instance.waiting > 0) complain(waitingLine(instance));
    [left, after] = [left - payments.length, next];
  }
  if (after !== null) complain('There may be more: raise --limit, or ask for --all.');
  return true;
}

function waitingLine({ name, waiting }: ShownPage['instance']): string {
  const payments = waiting === 1 ? 'payment waits' : 'payments wait';
  return `${waiting} ${payments} at ${name}. Those that no pool thread has claimed yet are not in the list.`;
}

function shower(format: PaymentsOrder['format'], print: (line: string) => void): (page: ShownPage) => void {
  const printAll = (lines: readonly string[]) => {
    if (lines.length > 0) print(lines.join('\n'));
  };
  if (format === 'json') return ({ payments }) => printAll(payments.map(jsonLine));
  if (format === 'csv') {
    print(CSV_HEADER);
    return ({ payments }) => printAll(payments.map(csvLine));
  }
  const table = new PaymentTable();
  return ({ payments }) => {
    if (payments.length > 0) printAll(table.lines(payments));
  };
}

async function askPage(
  { url, token, filters }: PaymentsOrder,
  limit: number,
  after: string,
  { clock }: Surroundings,
): Promise<Outcome<ShownPage>> {
  const query = new URLSearchParams({ ...filters, limit: String(limit) });
  if (after !== '') query.set('after', after);
  for (let attempt = 1; ; attempt++) {
    const answer = await askGateway({ url, token }, { path: `/payments?${query}` });
    if (answer.kind === 'ok') return { kind: 'ok', value: readShown(answer.value) as ShownPage };
    // The first page fails at once: the command line may be wrong.
    if (after === '' || attempt === TRIES) return answer;
    await sleep(clock, TRY_AGAIN_MS);
  }
}
