import { openBooks, targetOf } from '../books/open-books.ts';
import { readConfig } from '../config/config.ts';
import { demoEnvironment } from '../config/demo.ts';
import type { Clock } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { cursorAt } from '../ledger/outbox.ts';
import { bookmarkOf, type Progress, progressText, readProgress } from '../webhooks/progress.ts';

export interface WebhookOrder {
  readonly environment: Environment;
  readonly clock: Clock;
}

/** Changes by the instance that delivers come every few seconds. */
const ATTEMPTS_MAX = 5;

/** One line for each endpoint in `WEBHOOKS_FILE`: what it does, and since when. */
export function listWebhooks(order: WebhookOrder): Promise<Outcome<readonly string[]>> {
  return atLedger(order, async (ledger, names) => {
    const lines: string[] = [];
    for (const name of names) {
      const reply = await ledger.bookmark(bookmarkOf(name));
      if (reply.kind === 'unavailable') return failed(`the ledger does not answer: ${reply.reason}`);
      lines.push(
        `${name}: ${reply.value.version === 0 ? 'not begun' : stateLine(readProgress(reply.value.text))}`,
      );
    }
    return { kind: 'ok', value: lines };
  });
}

/** Has an endpoint that was disabled get its events again, from where it was. */
export function enableWebhook(order: WebhookOrder, name: string): Promise<Outcome<readonly string[]>> {
  return atLedger(order, (ledger, names) =>
    change(ledger, names, name, `${name} is enabled: it gets its events from where it was`, (before) => ({
      ...before,
      disabled: null,
      failingSinceMs: null,
      holder: '',
    })),
  );
}

/** Has all events from a time on delivered again. */
export function replayWebhook(
  order: WebhookOrder,
  name: string,
  fromMs: number,
): Promise<Outcome<readonly string[]>> {
  const at = new Date(fromMs).toISOString();
  return atLedger(order, (ledger, names) =>
    change(ledger, names, name, `${name} gets all events from ${at} on again`, (before) => ({
      ...before,
      cursor: cursorAt(fromMs),
      holder: '',
    })),
  );
}

async function change(
  ledger: Ledger,
  names: readonly string[],
  name: string,
  done: string,
  next: (before: Progress) => Progress,
): Promise<Outcome<readonly string[]>> {
  if (!names.includes(name))
    return failed(`WEBHOOKS_FILE has no endpoint ${name}: it has ${names.join(', ')}`);
  const key = bookmarkOf(name);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const reply = await ledger.bookmark(key);
    if (reply.kind === 'unavailable') return failed(`the ledger does not answer: ${reply.reason}`);
    const { version, text } = reply.value;
    if (version === 0)
      return failed(`no gateway has begun with ${name} yet: start one with this WEBHOOKS_FILE`);
    const set = await ledger.setBookmark(key, {
      version: version + 1,
      text: progressText(next(readProgress(text))),
    });
    if (set.kind === 'unavailable') return failed(`the ledger does not answer: ${set.reason}`);
    if (set.value) return { kind: 'ok', value: [done] };
  }
  return failed(`${name} was changed by others at the same time: try again`);
}

async function atLedger(
  { environment, clock }: WebhookOrder,
  use: (ledger: Ledger, names: readonly string[]) => Promise<Outcome<readonly string[]>>,
): Promise<Outcome<readonly string[]>> {
  const reading = readConfig(demoEnvironment(environment));
  if (reading.kind === 'wrong') return failed(...reading.problems);
  const names = reading.config.webhooks.map(({ name }) => name);
  if (names.length === 0) return failed('WEBHOOKS_FILE is not set, or lists no endpoint');
  const target = targetOf(environment, undefined);
  if (target.kind === 'failed') return target;
  const books = await openBooks(target.value, { clock, processorNames: [], mode: 'existing' });
  if (books.kind === 'failed') return books;
  try {
    return await use(books.value.ledger, names);
  } finally {
    await books.value.close();
  }
}

function stateLine({ disabled, failingSinceMs, holder }: Progress): string {
  if (disabled !== null) return `disabled since ${new Date(disabled.atMs).toISOString()}: ${disabled.reason}`;
  if (failingSinceMs !== null) return `failing since ${new Date(failingSinceMs).toISOString()}`;
  return holder === '' ? 'waits for a gateway' : `delivered by ${holder.split(' ')[0]}`;
}
