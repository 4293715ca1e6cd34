import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import { askGateway, type GatewayAddress } from './gateway.ts';
import { tableLines } from './table.ts';

interface ShownFee {
  readonly share: number;
  readonly fixed: number;
}

/** Null: no limit. */
interface ShownLimits {
  readonly callsAtOnce: number;
  readonly callsPerSecond: number | null;
  readonly minAmount: number;
  readonly maxAmount: number | null;
}

/** What a gateway says of a processor (openapi.yaml). */
export interface ShownProcessor {
  readonly name: string;
  readonly paused: boolean;
  readonly removed: boolean;
  /** By operators: the settings of the gateway that was asked do not name it. */
  readonly added: boolean;
  readonly fee: ShownFee;
  readonly configuredFee: ShownFee;
  readonly limits: ShownLimits;
  readonly configuredLimits: ShownLimits;
  readonly changedAt: string | null;
  readonly by: string;
  readonly why: string;
  readonly contract: string;
  readonly open: number;
}

interface Listing {
  readonly version: number;
  /** By the gateway that was asked; null: it has just started. */
  readonly credentialsReadAt: string | null;
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
  readonly change: object & { readonly limits?: { readonly callsAtOnce?: number } | null };
}

interface AddOrder extends ListOrder {
  /** As `POST /processors` has it. */
  readonly processor: object;
}

interface DrainOrder extends ChangeOrder {
  readonly timeoutMs: number;
  /** How often the gateway is asked; less often at first, because instances hear of a pause within a second. */
  readonly lookEveryMs: number;
}

const DONE = 0;
const FAILED = 1;
const LEAST_AMOUNT = 0.01;

/** Implements `dinossauro processors list`. */
export async function listProcessors(order: ListOrder, output: Output): Promise<number> {
  const listing = await list(order);
  if (listing.kind === 'failed') return fail(listing, output);
  output.log(order.json ? JSON.stringify(listing.value, null, 1) : listingLines(listing.value).join('\n'));
  return DONE;
}

/** Implements `dinossauro processors add`. */
export async function addProcessor({ processor, ...order }: AddOrder, output: Output): Promise<number> {
  const body = JSON.stringify(processor);
  const answer = await askGateway(order, { method: 'POST', path: '/processors', body });
  if (answer.kind === 'failed') return fail(answer, output);
  const added = JSON.parse(answer.value) as ShownProcessor;
  output.log(order.json ? JSON.stringify(added, null, 1) : changedLine(added));
  return DONE;
}

/** Implements `dinossauro processors pause`, `resume`, `fee` and `limits`. */
export async function changeProcessor(order: ChangeOrder, output: Output): Promise<number> {
  const changed = await change(order);
  if (changed.kind === 'failed') return fail(changed, output);
  if (order.json) output.log(JSON.stringify(changed.value, null, 1));
  else for (const line of [changedLine(changed.value), ...boundLines(order, changed.value)]) output.log(line);
  return DONE;
}

/** Implements `dinossauro processors drain` and `remove`. */
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
    if (processor === undefined || !(processor.paused || processor.removed)) {
      output.error(`dinossauro: ${order.name} gets payments again, because somebody has changed that`);
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
      const stays = processor.removed ? 'removed' : 'paused';
      output.error(`dinossauro: ${open} payments are still open at ${order.name}; it stays ${stays}`);
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

function changedLine({ fee, limits, changedAt, ...control }: ShownProcessor): string {
  const state = `${control.name} is ${stateOf(control)} and costs ${feeText(fee)} (limits: ${limitsText(limits)})`;
  return changedAt === null ? `${state}, as configured` : `${state}, ${saidOf({ changedAt, ...control })}`;
}

/** A gateway cannot have as many calls in flight, or as few, as was asked for. */
function boundLines({ change }: ChangeOrder, { limits }: ShownProcessor): string[] {
  const { callsAtOnce: asked } = change.limits ?? {};
  const { callsAtOnce: held } = limits;
  if (asked === undefined || asked === held) return [];
  const why =
    asked > held
      ? 'its open-file limit (ulimit -n) allows no more'
      : 'each of its pool threads has one call at least';
  return [`This gateway makes ${held} of ${asked} calls at once: ${why}`];
}

function saidOf({ changedAt, by, why }: Pick<ShownProcessor, 'changedAt' | 'by' | 'why'>) {
  const byWhom = by === '' ? '' : ` by ${by}`;
  return `since ${changedAt}${byWhom}${why === '' ? '' : `: ${why}`}`;
}

function listingLines({ processors, credentialsReadAt }: Listing): string[] {
  const heads = ['NAME', 'STATE', 'OPEN', 'FEE', 'LIMITS', 'CONTRACT', 'LAST CHANGE'];
  const rows = processors.map(({ open, contract, ...shown }) => [
    shown.name,
    shown.paused && !shown.removed && open === 0 ? 'paused, drained' : stateOf(shown),
    String(open),
    besides(feeText(shown.fee), feeText(shown.configuredFee)),
    besides(limitsText(shown.limits), limitsText(shown.configuredLimits)),
    contract,
    shown.changedAt === null ? '' : saidOf(shown),
  ]);
  const read = credentialsReadAt === null ? [] : ['', `Credentials last read: ${credentialsReadAt}`];
  return [...tableLines([heads, ...rows]), ...read];
}

/** What holds, and in parentheses what is configured if that differs. */
function besides(now: string, configured: string): string {
  return now === configured ? now : `${now} (${configured})`;
}

function stateOf({ paused, removed }: Pick<ShownProcessor, 'paused' | 'removed'>): string {
  if (removed) return 'removed';
  return paused ? 'paused' : 'in use';
}

function feeText({ share, fixed }: ShownFee): string {
  // A share has six places at most, as a percentage four.
  const percent = `${Number((share * 100).toFixed(4))}%`;
  if (fixed === 0) return percent;
  return share === 0 ? fixed.toFixed(2) : `${percent} + ${fixed.toFixed(2)}`;
}

function limitsText({ callsAtOnce, callsPerSecond, minAmount, maxAmount }: ShownLimits): string {
  const [min, max] = [minAmount.toFixed(2), maxAmount?.toFixed(2) ?? null];
  const amounts = max === null ? `from ${min}` : `${min} to ${max}`;
  return [
    `${callsAtOnce} at once`,
    ...(callsPerSecond === null ? [] : [`${callsPerSecond} a second`]),
    ...(max === null && minAmount === LEAST_AMOUNT ? [] : [amounts]),
  ].join(', ');
}

function fail({ lines }: Extract<Outcome<never>, { kind: 'failed' }>, output: Output): number {
  for (const line of lines) output.error(`dinossauro: ${line}`);
  return FAILED;
}
