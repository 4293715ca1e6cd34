import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/uws.ts';
import { serveWebhooks } from '../../src/http/webhook-routes.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { cursorAt } from '../../src/ledger/outbox.ts';
import {
  beginning,
  bookmarkOf,
  type Progress,
  progressText,
  readProgress,
} from '../../src/webhooks/progress.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { claimOf, must, settlementOf } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { type OperatorRoutes, operators, serving, typeOf } from './operator-routes.ts';

const SHOP = { name: 'shop', url: 'https://shop.example:8443/hooks/a-secret', secrets: [], types: [] };
const BOOKS = { ...SHOP, name: 'books', types: ['payment.rejected'] };
const UNBEGUN = {
  host: 'shop.example:8443',
  state: 'not-begun',
  since: null,
  instance: null,
  waiting: 0,
  countsAll: true,
  oldestAt: null,
  lastSuccessAt: null,
  failures: 0,
  lastFailure: null,
};

interface World extends OperatorRoutes {
  readonly books: Shard;
  readonly mood: Mood;
  readonly log: KeptLog;
  readonly clock: ManualClock;
  set(webhook: string, change: Partial<Progress>): Promise<void>;
  progress(webhook: string): Promise<Progress>;
}

async function inWorld(use: (world: World) => Promise<void>) {
  const [app, log, mood, clock] = [createApp(), new KeptLog(), new Mood(), new ManualClock()];
  const books = new MemoryLedger(['default'], new MemoryStore(), { ...MEMORY_OUTBOX, clock });
  const parts = { app, webhooks: [SHOP, BOOKS], hasEvents: true, ledger: moody(books, mood), log };
  serveWebhooks(parts, '/webhooks', operators());
  await serving(app, '/webhooks', (routes) =>
    use({
      ...routes,
      books,
      mood,
      log,
      clock,
      set: async (webhook, change) => {
        const { version } = await must(books.bookmark(bookmarkOf(webhook)));
        const text = progressText({ ...beginning(''), ...change });
        assert.ok(await must(books.setBookmark(bookmarkOf(webhook), { version: version + 1, text })));
      },
      progress: async (webhook) => readProgress((await must(books.bookmark(bookmarkOf(webhook)))).text),
    }),
  );
}

async function settle(books: Shard, numbers: readonly number[]): Promise<void> {
  const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 1e15));
  const claims = numbers.map((number) => claimOf(number));
  const settlements = numbers.map((number) => settlementOf(number));
  await must(books.commit(owner, [], claims));
  await must(books.commit(owner, settlements, []));
}

test('lists the endpoints with how far each is, and not the secret in a URL', () =>
  inWorld(async ({ books, list, set, clock }) => {
    const before = await list();
    assert.is(before.status, 200);
    assert.equal(await before.json(), {
      events: true,
      webhooks: [SHOP, BOOKS].map(({ name, types }) => ({ name, types, ...UNBEGUN })),
    });
    const atMs = clock.nowMs();
    await settle(books, [1, 2, 3]);
    const lastFailure = { atMs, reason: 'HTTP 500' };
    await set('shop', { holder: 'gateway-1 x', failingSinceMs: atMs, failures: 4, lastFailure });
    await set('books', { disabled: { atMs, reason: 'HTTP 410' }, deliveredAtMs: atMs });
    const at = new Date(atMs).toISOString();
    const [shop, other] = ((await (await list()).json()) as { webhooks: unknown[] }).webhooks;
    assert.equal(shop, {
      ...UNBEGUN,
      name: 'shop',
      types: [],
      state: 'failing',
      since: at,
      instance: 'gateway-1',
      waiting: 3,
      oldestAt: at,
      failures: 4,
      lastFailure: { at, reason: 'HTTP 500' },
    });
    const types = ['payment.rejected'];
    assert.equal(other, {
      ...UNBEGUN,
      name: 'books',
      types,
      state: 'disabled',
      since: at,
      lastSuccessAt: at,
    });
    await set('shop', { holder: '' });
    await settle(
      books,
      Array.from({ length: 1000 }, (_, number) => number + 10),
    );
    const [behind] = ((await (await list()).json()) as { webhooks: object[] }).webhooks;
    assert.equal(behind, {
      ...UNBEGUN,
      name: 'shop',
      types: [],
      state: 'waits',
      waiting: 1000,
      countsAll: false,
      oldestAt: at,
    });
  }));

test('enables an endpoint, and has it get events again', () =>
  inWorld(async ({ change, set, progress, log }) => {
    const disabled = { atMs: 5000, reason: 'HTTP 410' };
    await set('shop', { cursor: '7-0', holder: 'gateway-1 x', disabled });
    const replay = { replayFrom: '1970-01-01T00:00:09Z', by: 'ana', why: 'it lost some' };
    const replayed = await change('shop', replay);
    assert.is(replayed.status, 200);
    assert.is(((await replayed.json()) as { state: string }).state, 'disabled');
    assert.equal(await progress('shop'), { ...beginning(cursorAt(9000)), disabled });
    assert.is(((await (await change('shop', { enabled: true })).json()) as { state: string }).state, 'waits');
    assert.equal(await progress('shop'), beginning(cursorAt(9000)));
    const isAgain = 'warn a webhook is changed by an operator';
    assert.equal(
      log.lines.filter((line) => line.startsWith(isAgain)),
      [isAgain, isAgain],
    );
    assert.is((await change('books', { enabled: true, replayFrom: '1970-01-01' })).status, 200);
    assert.equal(await progress('books'), beginning(cursorAt(0)), 'one that has not begun');
  }));

test('refuses what is not valid, not known, or not allowed', () =>
  inWorld(async ({ change, list, mood, progress, set }) => {
    await set('shop', {});
    for (const body of [
      {},
      { enabled: false },
      { enabled: true, other: 1 },
      { replayFrom: 'yesterday' },
      { replayFrom: 7 },
      { enabled: true, why: 'x'.repeat(201) },
      { enabled: true, by: 'a\u0007' },
    ])
      assert.is(await typeOf(await change('shop', body)), '422 change-not-valid', JSON.stringify(body));
    assert.is(await typeOf(await change('shop', '[]')), '400 malformed-json');
    assert.is(await typeOf(await change('shop', 'x'.repeat(5000))), '413 body-too-large');
    assert.is(await typeOf(await change('other', { enabled: true })), '404 no-such-webhook');
    const foreign = { origin: 'https://other.example' };
    assert.is(await typeOf(await change('shop', { enabled: true }, foreign)), '403 other-origin');
    const reader = { authorization: 'Bearer key-to-read' };
    assert.is(await typeOf(await change('shop', { enabled: true }, reader)), '403 scope-missing');
    assert.is(await typeOf(await list('', { headers: reader })), '403 scope-missing');
    assert.is(await typeOf(await list('', { headers: {} })), '401 token-required');
    assert.is(await typeOf(await list('?x=1')), '400 unknown-parameter');
    assert.is(await typeOf(await list('', { method: 'DELETE', headers: {} })), '401 token-required');
    assert.equal(await progress('shop'), beginning(''));
    mood.away.add('bookmark');
    assert.is(await typeOf(await list()), '503 ledger-unavailable');
    assert.is(await typeOf(await change('shop', { enabled: true })), '503 ledger-unavailable');
    mood.away.clear();
    mood.away.add('setBookmark');
    assert.is(await typeOf(await change('shop', { enabled: true })), '503 ledger-unavailable');
  }));

test('gives up while others change a webhook again and again', () =>
  inWorld(async ({ books, change, set, progress }) => {
    await set('shop', { cursor: '7-0' });
    const bookmark = books.bookmark.bind(books);
    books.bookmark = async (name) => {
      const reply = await bookmark(name);
      const { version } = await must(bookmark(name));
      await must(books.setBookmark(name, { version: version + 1, text: progressText(beginning('8-0')) }));
      return reply;
    };
    const answer = await change('shop', { enabled: true });
    assert.is(answer.headers.get('retry-after'), null);
    assert.is(await typeOf(answer), '412 webhook-changed');
    books.bookmark = bookmark;
    assert.equal(await progress('shop'), beginning('8-0'), 'what the others have written');
  }));

test.run();
