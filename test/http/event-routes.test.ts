import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventStreamReader, type StreamEvent } from '../../client/src/stream.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Access } from '../../src/http/access.ts';
import { EventRoutes } from '../../src/http/event-routes.ts';
import { createApp } from '../../src/http/uws.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { ask as askKept, assertKept, contract } from '../contract/kept.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { id, settleAll } from '../ledger/samples.ts';
import { until } from '../system/until.ts';
import { typeOf } from './operator-routes.ts';
import { serveHere } from './served.ts';

const KEY = 'key-to-read';
const NAMES = ['default', 'fallback'];
const READER_LIMIT = 5;
const SOON_MS = 5000;

interface World {
  readonly port: number;
  readonly moods: readonly Mood[];
  readonly routes: EventRoutes;
  /** Claims and settles these payments. */
  settle(...numbers: number[]): Promise<void>;
  ask(query?: string, headers?: Record<string, string>, method?: string): Promise<Response>;
  read(query?: string, headers?: Record<string, string>): Promise<Listener>;
}

/** Reads a stream in the background. */
class Listener {
  readonly heard: StreamEvent[] = [];
  isOver = false;
  #text = '';
  readonly #abort: AbortController;

  constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    void this.#read(response).catch(() => {
      this.isOver = true;
    });
  }

  get text(): string {
    return this.#text;
  }

  get events(): { readonly id: string; readonly type: string; readonly data: never }[] {
    return this.heard.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data));
  }

  /** Their payments, in the order in which they came. */
  get payments(): string[] {
    return this.events.map(
      ({ data }) => (data as { payment: { correlationId: string } }).payment.correlationId,
    );
  }

  async hears(count: number): Promise<void> {
    await until(`${count} events are heard`, SOON_MS, () => this.events.length >= count);
    assert.is(this.events.length, count);
  }

  leave(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    const reader = new EventStreamReader();
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      const text = decoder.decode(bytes, { stream: true });
      this.#text += text;
      this.heard.push(...reader.push(text));
    }
    this.isOver = true;
  }
}

async function inWorld(use: (world: World) => Promise<void>, shardCount = 1, isOn = true): Promise<void> {
  const app = createApp();
  const moods = Array.from({ length: shardCount }, () => new Mood());
  const shards = moods.map((mood) => moody(new MemoryLedger(NAMES, new MemoryStore(), MEMORY_OUTBOX), mood));
  const ledger = ledgerOf(shards);
  const keys = [apiKey(KEY, ['read']), apiKey('key-to-post', ['post'])];
  const guard = new Access({ mode: 'token', keyring: keyringOf(keys), scope: 'read' });
  const routes = new EventRoutes({ app, guard, ledger, clock: systemClock, isOn, readerLimit: READER_LIMIT });
  const { port, url: root, close } = await serveHere(app);
  const url = `${root}/events`;
  const authorization = { authorization: `Bearer ${KEY}` };
  const listeners: Listener[] = [];
  try {
    await use({
      port,
      moods,
      routes,
      settle: (...numbers) => settle(shards, (number) => ledger.shardOf(id(number)), numbers),
      ask: (query = '', headers = {}, method = 'GET') =>
        askKept(url + query, { method, headers: { ...authorization, ...headers } }),
      read: async (query = '', headers = {}) => {
        const abort = new AbortController();
        const { signal } = abort;
        const response = await fetch(url + query, { headers: { ...authorization, ...headers }, signal });
        assert.is(response.headers.get('x-accel-buffering'), 'no');
        assertKept({
          method: 'GET',
          target: `/events${query}`,
          status: response.status,
          headers: new Map(response.headers),
          body: '',
        });
        const listener = new Listener(response, abort);
        listeners.push(listener);
        return listener;
      },
    });
  } finally {
    for (const listener of listeners) listener.leave();
    routes.close();
    close();
    app.close();
  }
}

async function settle(
  shards: readonly Shard[],
  shardOf: (number: number) => number,
  numbers: readonly number[],
): Promise<void> {
  for (const [position, shard] of shards.entries()) {
    const own = numbers.filter((number) => shardOf(number) === position);
    await settleAll(shard, own, (number) => (number % 2 ? {} : { status: 'rejected', reason: 'no' }));
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test('a reader gets what happens from then on, each event as the contract says', () =>
  inWorld(async ({ settle, read }) => {
    await settle(1);
    const reader = await read();
    await until('the stream begins', SOON_MS, () => reader.heard.length > 0);
    await settle(2, 3);
    await reader.hears(2);
    assert.equal(reader.payments, [id(2), id(3)]);
    for (const event of reader.events) {
      assert.is(
        contract.mismatch(['components', 'schemas', 'GatewayEvent'], event),
        null,
        JSON.stringify(event),
      );
    }
    assert.equal(
      reader.events.map(({ type }) => type),
      ['payment.rejected', 'payment.settled'],
    );
  }));

for (const shardCount of [1, 4]) {
  test(`with ${shardCount} shards, a reader continues wherever it has left, and nothing is lost or sent twice`, () =>
    inWorld(async ({ settle, read }) => {
      await settle(...range(0, 500));
      const all = await read('?after=2020-01-01T00:00:00Z');
      await all.hears(500);
      assert.is(new Set(all.payments).size, 500);
      const names = all.events.map((event) => event.id);
      for (const at of [1, 250, 499]) {
        const cursor = all.heard.filter(({ data }) => data !== '')[at]?.id ?? '';
        const after = await read(`?after=${cursor}`);
        const resumed = await read('?after=2020-01-01', { 'Last-Event-ID': cursor });
        await after.hears(499 - at);
        await resumed.hears(499 - at);
        assert.equal(new Set(after.events.map((event) => event.id)), new Set(names.slice(at + 1)));
        assert.equal(after.payments.toSorted(), resumed.payments.toSorted());
        after.leave();
        resumed.leave();
      }
      await settle(...range(500, 510));
      await all.hears(510);
    }, shardCount));
}

test('before its first event, a reader already knows where to continue', () =>
  inWorld(async ({ settle, read }) => {
    const first = await read();
    await until('the stream begins', SOON_MS, () => first.heard.length > 0);
    first.leave();
    await settle(1);
    const again = await read('', { 'Last-Event-ID': first.heard[0]?.id ?? '' });
    await again.hears(1);
  }));

test('readers share the reads of the ledger, and nothing is read without readers', () =>
  inWorld(async ({ settle, read, moods: [mood] }) => {
    const readers = await Promise.all(range(0, READER_LIMIT).map(() => read('?after=2020-01-01')));
    await settle(...range(0, 50));
    for (const reader of readers) await reader.hears(50);
    const before = mood?.count('outbox') ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const reads = (mood?.count('outbox') ?? 0) - before;
    assert.ok(reads >= 1 && reads <= 6, `${reads} reads in a second`);
    for (const reader of readers) reader.leave();
    await until('nothing is read', SOON_MS, async () => {
      const then = mood?.count('outbox');
      await new Promise((resolve) => setTimeout(resolve, 600));
      return mood?.count('outbox') === then;
    });
  }));

test('a shard that is away holds up only its own events', () =>
  inWorld(async ({ settle, read, moods }) => {
    const reader = await read();
    await until('the stream begins', SOON_MS, () => reader.heard.length > 0);
    moods[1]?.away.add('outbox');
    await settle(...range(0, 100));
    await until('the others are heard', SOON_MS, () => reader.events.length > 50);
    assert.ok(reader.events.length < 100);
    const others = reader.events.length;
    moods[1]?.away.clear();
    await reader.hears(100);
    assert.is(new Set(reader.payments).size, 100);
    assert.ok(others < 100);
  }, 4));

test('a reader that does not read gets no more than it has room for, and others go on', () =>
  inWorld(async ({ port, settle, read }) => {
    const slow = connect(port, '127.0.0.1');
    await once(slow, 'connect');
    slow.write(`GET /events?after=2020-01-01 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n\r\n`);
    slow.pause();
    const reader = await read();
    await until('the stream begins', SOON_MS, () => reader.heard.length > 0);
    for (let at = 0; at < 10_000; at += 1000) await settle(...range(at, at + 1000));
    await until('all are heard', 4 * SOON_MS, () => reader.events.length === 10_000);
    let size = 0;
    let seen = '';
    slow.on('data', (bytes) => {
      size += bytes.length;
      seen = (seen + bytes.toString('latin1')).slice(-20_000);
    });
    slow.resume();
    await until('the slow reader catches up', 4 * SOON_MS, () => seen.includes(id(9999)));
    assert.ok(size > 10_000 * 200);
    slow.destroy();
  }));

test('nothing but comments comes while nothing happens, and the stream ends cleanly at a stop', () =>
  inWorld(async ({ read, routes }) => {
    const reader = await read();
    await until('a heartbeat comes', 3 * SOON_MS, () => /\n:\n/.test(reader.text));
    assert.is(reader.events.length, 0);
    routes.close();
    await until('the stream ends', SOON_MS, () => reader.isOver);
  }));

test('other requests are refused with what is wrong', () =>
  inWorld(async ({ ask, read, moods: [mood] }) => {
    for (const query of ['?after=x', '?after=1-2.3-4', '?after=1-1&after=1-1', `?after=${'1'.repeat(3000)}`])
      assert.is(await typeOf(await ask(query)), '400 bad-cursor', query);
    assert.is(await typeOf(await ask('', { 'Last-Event-ID': 'x' })), '400 bad-cursor');
    assert.is(await typeOf(await ask('?from=1')), '400 unknown-parameter');
    assert.is(await typeOf(await ask('', { authorization: 'Bearer key-to-post' })), '403 scope-missing');
    assert.is(await typeOf(await ask('', { authorization: '' })), '401 token-required');
    assert.is(await typeOf(await ask('', {}, 'POST')), '405 method-not-allowed');
    assert.is((await ask('', {}, 'HEAD')).status, 200);
    mood?.away.add('outboxEnd');
    assert.is(await typeOf(await ask()), '503 ledger-unavailable');
    mood?.away.clear();
    const readers = await Promise.all(range(0, READER_LIMIT).map(() => read()));
    assert.is(await typeOf(await ask()), '503 event-readers-limit');
    readers[0]?.leave();
    await until('there is room again', SOON_MS, async () => {
      const reader = await read().catch(() => null);
      return reader !== null;
    });
  }));

test('without EVENTS, the answer says how to switch them on', () =>
  inWorld(
    async ({ ask }) => {
      const response = await ask();
      assert.match(await response.clone().text(), 'EVENTS=true');
      assert.is(await typeOf(response), '404 events-off');
    },
    1,
    false,
  ));

test.run();
