import { type Failed, failed, type Outcome } from '../core/outcome.ts';
import { askGateway, type GatewayAddress } from './gateway.ts';
import { tableLines } from './table.ts';

/** Where a command prints. */
interface Output {
  log(text: string): void;
  error(text: string): void;
}

/** Which rejected payments: those with these ids, or those whose reason contains this text. */
export type Choice =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'reason'; readonly reason: string };

interface ListOrder extends GatewayAddress {
  readonly json: boolean;
}

interface ActionOrder extends ListOrder {
  readonly by: string;
  readonly why: string;
}

interface SendAgainOrder extends ActionOrder {
  readonly chosen: Choice;
}

interface HoldOrder extends ActionOrder {
  readonly ids: readonly string[];
}

interface CancelOrder extends ActionOrder {
  readonly ids: readonly string[];
  /** The amount of all of them, as JSON has it; undefined: it is not said. */
  readonly amount: number | undefined;
}

interface Chosen {
  readonly correlationId: string;
  readonly attempts: number;
}

interface Result {
  readonly correlationId: string;
  readonly result: string;
}

interface Page {
  readonly payments: readonly Chosen[];
  readonly next: string | null;
}

interface ShownAction {
  readonly at: string;
  readonly what: string;
  readonly by: string;
  readonly why: string;
  readonly payments: readonly string[];
}

/** The most payments of one request (openapi.yaml). */
const BATCH_MAX = 100;
const PAGE_MAX = 500;
const DONE = 0;
const FAILED = 1;

const DONE_RESULTS: readonly string[] = [
  'reopened',
  'cancelled',
  'cancelled-before',
  'held',
  'awaited',
  'held-before',
  'released',
];
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['reopened', 'will be sent again'],
  ['final', 'was cancelled, which is final'],
  ['cancelled', 'is cancelled'],
  ['cancelled-before', 'was cancelled before'],
  ['held', 'is held'],
  ['awaited', 'is not in the books yet: it is held as soon as an instance has claimed it'],
  ['held-before', 'was held before'],
  ['released', 'is released'],
  ['not-held', 'is not held'],
  ['unknown', 'is not in the books; if an instance has accepted it, cancel it with --amount'],
  ['other-amount', 'has another amount in the books'],
  ['dispatched', 'has been sent, and may be charged'],
  ['finished', 'is settled or rejected'],
  ['not-rejected', 'is not rejected: it is open, or settled'],
  ['changed', 'has been sent again meanwhile, and was rejected again: look at it first'],
  ['perhaps-charged', 'may be charged: its processor called it a duplicate, and has to be asked'],
]);

/** Implements `dinossauro payments send-again`. It fails unless every payment that was found will be sent. */
export async function sendAgain(order: SendAgainOrder, output: Output): Promise<number> {
  const found = await choose(order);
  if (found.kind === 'failed') return fail(found, output);
  // One that was never sent is not rejected, and the gateway says so whatever its attempts are.
  const payments = found.value.map(({ correlationId, attempts }) => ({
    correlationId,
    attempts: Math.max(1, attempts),
  }));
  return act('send-again', payments, order, output);
}

/** Implements `dinossauro payments cancel`. It fails unless every payment is cancelled. */
export function cancelPayments(order: CancelOrder, output: Output): Promise<number> {
  const { ids, amount } = order;
  const payments = ids.map((correlationId) => ({ correlationId, ...(amount !== undefined && { amount }) }));
  return act('cancel', payments, order, output);
}

/** Implements `dinossauro payments hold` and `release`. It fails unless it is done to every payment. */
export function holdPayments(
  what: 'hold' | 'release',
  { ids, ...order }: HoldOrder,
  output: Output,
): Promise<number> {
  const payments = ids.map((correlationId) => ({ correlationId }));
  return act(what, payments, order, output);
}

/** Has it done to all of them, some with each request. */
async function act(
  what: string,
  payments: readonly object[],
  { by, why, ...order }: ActionOrder,
  output: Output,
): Promise<number> {
  const results: Result[] = [];
  for (let begin = 0; begin < payments.length; begin += BATCH_MAX) {
    const some = payments.slice(begin, begin + BATCH_MAX);
    const body = JSON.stringify({ what, payments: some, by, why });
    const answer = await askGateway(order, { method: 'POST', path: '/actions', body });
    if (answer.kind === 'failed') {
      show(results, order, output);
      return fail(answer, output);
    }
    results.push(...(JSON.parse(answer.value) as { readonly results: readonly Result[] }).results);
  }
  show(results, order, output);
  return results.every(isDone) ? DONE : FAILED;
}

function isDone({ result }: Result): boolean {
  return DONE_RESULTS.includes(result);
}

/** Implements `dinossauro actions`. */
export async function listActions(order: ListOrder, output: Output): Promise<number> {
  const answer = await askGateway(order, { path: '/actions' });
  if (answer.kind === 'failed') return fail(answer, output);
  const { actions } = JSON.parse(answer.value) as { readonly actions: readonly ShownAction[] };
  const heads = ['AT', 'WHAT', 'BY', 'PAYMENTS', 'WHY'];
  const rows = actions.map(({ at, what, by, payments, why }) => [at, what, by, shortList(payments), why]);
  output.log(order.json ? JSON.stringify(actions, null, 1) : tableLines([heads, ...rows]).join('\n'));
  return DONE;
}

/** Finds all of them before any is sent, so that a wrong id stops everything. */
function choose({ chosen, ...order }: SendAgainOrder): Promise<Outcome<readonly Chosen[]>> {
  return chosen.kind === 'ids' ? lookUp(order, chosen.ids) : search(order, chosen.reason);
}

async function lookUp(order: GatewayAddress, ids: readonly string[]): Promise<Outcome<readonly Chosen[]>> {
  const found: Chosen[] = [];
  for (const id of ids) {
    const answer = await askGateway(order, { path: `/payments/${id}` });
    if (answer.kind === 'failed')
      return failed(`${id}: ${answer.lines.join(' ')} No payment was sent again.`);
    found.push(JSON.parse(answer.value) as Chosen);
  }
  return { kind: 'ok', value: found };
}

async function search(order: GatewayAddress, reason: string): Promise<Outcome<readonly Chosen[]>> {
  const found: Chosen[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const query = new URLSearchParams({ status: 'rejected', reason, limit: String(PAGE_MAX) });
    if (after !== '') query.set('after', after);
    const answer = await askGateway(order, { path: `/payments?${query}` });
    if (answer.kind === 'failed') return answer;
    const page = JSON.parse(answer.value) as Page;
    found.push(...page.payments);
    after = page.next;
  }
  return { kind: 'ok', value: found };
}

function show(results: readonly Result[], { json }: ListOrder, output: Output): void {
  if (json) return void output.log(JSON.stringify(results, null, 1));
  const rows = results.map(({ correlationId, result }) => [correlationId, MEANINGS.get(result) ?? result]);
  if (rows.length > 0) output.log(tableLines([['PAYMENT', 'RESULT'], ...rows]).join('\n'));
  output.log(`done: ${results.filter(isDone).length} of ${results.length}`);
}

/** One payment by its id, several by their number: `--json` has all of them. */
function shortList(payments: readonly string[]): string {
  return payments.length === 1 ? (payments[0] ?? '') : `${payments.length} payments`;
}

function fail({ lines }: Failed, output: Output): number {
  for (const line of lines) output.error(`dinossauro: ${line}`);
  return FAILED;
}
