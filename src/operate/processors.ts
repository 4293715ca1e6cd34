import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import { askGateway, type GatewayAddress } from './gateway.ts';
import { tableLines } from './table.ts';

interface ShownFee {
  readonly share: number;
  readonly fixed: number;
}

/** What a gateway says of a processor (openapi.yaml). */
export interface ShownProcessor {
  readonly name: string;
  readonly paused: boolean;
  readonly fee: ShownFee;
  readonly configuredFee: ShownFee;
  readonly changedAt: string | null;
  readonly changedBy: string;
  readonly reason: string;
  readonly contract: string;
  readonly open: number;
}

interface Listing {
  readonly version: number;
  readonly processors: readonly ShownProcessor[];
}

/** Where a command prints. */
interface Output {
  log(text: string): void;
  error(text: string): void;
}

interface ListOrder extends GatewayAddress {
  readonly json: boolean;
}

interface ChangeOrder extends ListOrder {
  readonly name: string;
  readonly change: object;
}

interface DrainOrder extends ChangeOrder {
  readonly timeoutMs: number;
  /** How often the gateway is asked; less often at first, because instances hear of a pause within a second. */
  readonly lookEveryMs: number;
}

const DONE = 0;
const FAILED = 1;

/** Implements `dinossauro processors list`. */
export async function listProcessors(order: ListOrder, output: Output): Promise<number> {
  const listing = await list(order);
  if (listing.kind === 'failed') return fail(listing, output);
  output.log(order.json ? JSON.stringify(listing.value, null, 1) : listingLines(listing.value).join('\n'));
  return DONE;
}

/** Implements `dinossauro processors pause`, `resume` and `fee`. */
export async function changeProcessor(order: ChangeOrder, output: Output): Promise<number> {
  const changed = await change(order);
  if (changed.kind === 'failed') return fail(changed, output);
  output.log(order.json ? JSON.stringify(changed.value, null, 1) : changedLine(changed.value));
  return DONE;
}

/** Implements `dinossauro processors drain`. */
export async function drainProcessor(order: DrainOrder, output: Output): Promise<number> {
  const changed = await change(order);
  if (changed.kind === 'failed') return fail(changed, output);
  if (!order.json) output.log(changedLine(changed.value));
  const deadlineMs = systemClock.monotonicMs() + order.timeoutMs;
  let shown = -1;
  for (;;) {
    await sleep(order.lookEveryMs * (shown === -1 ? 3 : 1));
    const listing = await list(order);
    if (listing.kind === 'failed') return fail(listing, output);
    const processor = listing.value.processors.find(({ name }) => name === order.name);
    if (processor === undefined || !processor.paused) {
      output.error(`dinossauro: ${order.name} has been resumed meanwhile`);
      return FAILED;
    }
    const { open } = processor;
    if (open === 0) {
      output.log(
        order.json
          ? JSON.stringify(processor, null, 1)
          : `${order.name} is drained: no payment is open there`,
      );
      return DONE;
    }
    if (systemClock.monotonicMs() >= deadlineMs) {
      output.error(`dinossauro: ${open} payments are still open at ${order.name}; it stays paused`);
      return FAILED;
    }
    if (open !== shown && !order.json) output.log(`${open} payments are open at ${order.name}`);
    shown = open;
  }
}

async function list(order: GatewayAddress): Promise<Outcome<Listing>> {
  const answer = await askGateway(order, { path: '/processors' });
  return answer.kind === 'ok' ? { kind: 'ok', value: JSON.parse(answer.value) as Listing } : answer;
}

async function change({ name, change, ...order }: ChangeOrder): Promise<Outcome<ShownProcessor>> {
  const path = `/processors/${name}`;
  const answer = await askGateway(order, { method: 'PATCH', path, body: JSON.stringify(change) });
  return answer.kind === 'ok' ? { kind: 'ok', value: JSON.parse(answer.value) as ShownProcessor } : answer;
}

function changedLine({ name, paused, fee, changedAt, ...control }: ShownProcessor): string {
  const state = `${name} is ${paused ? 'paused' : 'in use'} and costs ${feeText(fee)}`;
  return changedAt === null ? `${state}, as configured` : `${state}, ${saidOf({ changedAt, ...control })}`;
}

function saidOf({
  changedAt,
  changedBy,
  reason,
}: Pick<ShownProcessor, 'changedAt' | 'changedBy' | 'reason'>) {
  const by = changedBy === '' ? '' : ` by ${changedBy}`;
  return `since ${changedAt}${by}${reason === '' ? '' : `: ${reason}`}`;
}

function listingLines({ processors }: Listing): string[] {
  const heads = ['NAME', 'STATE', 'OPEN', 'FEE', 'CONTRACT', 'LAST CHANGE'];
  const rows = processors.map(({ name, paused, open, fee, configuredFee, contract, ...control }) => [
    name,
    stateOf(paused, open),
    String(open),
    feeText(fee) === feeText(configuredFee) ? feeText(fee) : `${feeText(fee)} (${feeText(configuredFee)})`,
    contract,
    control.changedAt === null ? '' : saidOf(control),
  ]);
  return tableLines([heads, ...rows]);
}

function stateOf(paused: boolean, open: number): string {
  if (!paused) return 'in use';
  return open === 0 ? 'paused, drained' : 'paused';
}

function feeText({ share, fixed }: ShownFee): string {
  // A share has six places at most, as a percentage four.
  const percent = `${Number((share * 100).toFixed(4))}%`;
  if (fixed === 0) return percent;
  return share === 0 ? fixed.toFixed(2) : `${percent} + ${fixed.toFixed(2)}`;
}

function fail({ lines }: Extract<Outcome<never>, { kind: 'failed' }>, output: Output): number {
  for (const line of lines) output.error(`dinossauro: ${line}`);
  return FAILED;
}
