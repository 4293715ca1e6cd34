import { openBooks, targetOf } from '../books/open-books.ts';
import { readConfig } from '../config/config.ts';
import { demoEnvironment } from '../config/demo.ts';
import type { WebhookTarget } from '../config/webhooks-file.ts';
import type { Clock } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { instanceOf } from '../ledger/exclusive-bookmark.ts';
import { failureText, type Ledger } from '../ledger/ledger.ts';
import { changeProgress, enabled, type Progress, replayed } from '../webhooks/progress.ts';
import { type WebhookStatus, webhookStatus } from '../webhooks/status.ts';
import { tableLines } from './table.ts';

export interface WebhookOrder {
  readonly environment: Environment;
  readonly clock: Clock;
}

type Lines = Promise<Outcome<readonly string[]>>;

/** A table of the endpoints in `WEBHOOKS_FILE`: what each does, and how far it is. */
export function listWebhooks(order: WebhookOrder): Lines {
  return atLedger(order, async (ledger, targets) => {
    const rows = [['NAME', 'STATE', 'WAITING', 'OLDEST', 'LAST SUCCESS', 'LAST FAILURE']];
    for (const target of targets) {
      const reply = await webhookStatus(ledger, target);
      if (reply.kind === 'unavailable') return failed(failureText(reply));
      rows.push(rowOf(reply.value));
    }
    return { kind: 'ok', value: tableLines(rows) };
  });
}

/** Has an endpoint that was disabled get its events again, from where it was; one that fails is tried again at once. */
export function enableWebhook(order: WebhookOrder, name: string): Lines {
  return change(order, name, enabled, `${name} is enabled: it gets its events from where it was`);
}

/** Has all events from a time on delivered again. */
export function replayWebhook(order: WebhookOrder, name: string, fromMs: number): Lines {
  const at = new Date(fromMs).toISOString();
  const done = `${name} gets all events from ${at} on again`;
  return change(order, name, (before) => replayed(before, fromMs), done);
}

function change(
  order: WebhookOrder,
  name: string,
  next: (before: Progress) => Progress,
  done: string,
): Lines {
  return atLedger(order, async (ledger, targets) => {
    const names = targets.map((target) => target.name);
    if (!names.includes(name))
      return failed(`WEBHOOKS_FILE has no endpoint ${name}: it has ${names.join(', ')}`);
    const reply = await changeProgress(ledger, name, next);
    if (reply.kind === 'unavailable') return failed(failureText(reply));
    if (reply.value === null) return failed(`${name} was changed by others at the same time: try again`);
    const isDisabled = reply.value.disabled !== null;
    return {
      kind: 'ok',
      value: isDisabled ? [done, `once it is enabled: dinossauro webhooks enable ${name}`] : [done],
    };
  });
}

async function atLedger(
  { environment, clock }: WebhookOrder,
  use: (ledger: Ledger, targets: readonly WebhookTarget[]) => Lines,
): Lines {
  const reading = readConfig(demoEnvironment(environment));
  if (reading.kind === 'wrong') return failed(...reading.problems);
  const { webhooks } = reading.config;
  if (webhooks.length === 0) return failed('WEBHOOKS_FILE is not set, or lists no endpoint');
  const target = targetOf(environment, undefined);
  if (target.kind === 'failed') return target;
  const books = await openBooks(target.value, { clock, processorNames: [], mode: 'existing' });
  if (books.kind === 'failed') return books;
  try {
    return await use(books.value.ledger, webhooks);
  } finally {
    await books.value.close();
  }
}

function rowOf({ target: { name }, state, progress, waiting }: WebhookStatus): string[] {
  if (progress === null) return [name, 'not begun', '0', '', '', ''];
  const { disabled, failingSinceMs, deliveredAtMs, failures, lastFailure } = progress;
  const states = {
    'not-begun': 'not begun',
    waits: 'waits for a gateway',
    delivers: `delivered by ${instanceOf(progress)}`,
    failing: `failing since ${timeText(failingSinceMs)}`,
    disabled: `disabled since ${timeText(disabled?.atMs ?? null)}`,
  };
  const inARow = failures > 1 ? ` (${failures} in a row)` : '';
  return [
    name,
    states[state],
    waiting.isAll ? String(waiting.count) : `over ${waiting.count}`,
    timeText(waiting.oldestAtMs),
    timeText(deliveredAtMs),
    lastFailure === null ? '' : `${timeText(lastFailure.atMs)}: ${lastFailure.reason}${inARow}`,
  ];
}

function timeText(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString();
}
