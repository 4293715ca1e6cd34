import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { parseRedisUrl } from '../../../src/core/redis-url.ts';
import type { RedisDriver } from '../../../src/ledger/redis/connection.ts';
import { Locator } from '../../../src/ledger/redis/locator.ts';

/** What a node answers: a reply, an error, or nothing at all. */
type Script = unknown[] | Error | 'silent' | null;

const TIMEOUT_MS = 400;

class Nodes {
  readonly asked: string[] = [];
  readonly answers: Record<string, Script>;

  constructor(answers: Record<string, Script>) {
    this.answers = answers;
  }

  locator(url: string): Locator {
    const place = parseRedisUrl(url);
    if (place === undefined) throw new Error('expected a URL');
    return new Locator({
      place,
      clock: systemClock,
      timeoutMs: TIMEOUT_MS,
      newDriver: (to) => this.#driver(to),
    });
  }

  #driver(url: string): RedisDriver {
    this.asked.push(url);
    const { host } = new URL(url);
    const answer = host in this.answers ? this.answers[host] : new Error('ECONNREFUSED');
    return {
      on: () => {},
      connect: async () => {
        if (answer === 'silent') await new Promise(() => {});
        if (answer instanceof Error) throw answer;
      },
      sendCommand: async () => answer,
      subscribe: () => Promise.reject(new Error('not scripted')),
      destroy: () => {},
    };
  }
}

const range = (low: number, high: number, ...nodes: [host: string | null, port: number][]) => [
  low,
  high,
  ...nodes,
];

test('sentinels are asked until one knows the master', async () => {
  const nodes = new Nodes({ 'b:26379': 'silent', 'c:26379': ['10.0.0.7', '6380'] });
  const locator = nodes.locator('redis-sentinel://u:p@a,b,c/books');
  assert.is(await locator.find(0), 'redis://u:p@10.0.0.7:6380');
  assert.equal(nodes.asked, ['redis://a:26379', 'redis://b:26379', 'redis://c:26379']);
});

test('the next search begins behind the sentinel that was believed last', async () => {
  const nodes = new Nodes({ 'a:26379': ['old', '1'], 'b:26379': ['new', '2'] });
  const locator = nodes.locator('redis-sentinel://a,b/books');
  assert.is(await locator.find(0), 'redis://old:1');
  assert.is(await locator.find(0), 'redis://new:2');
});

test('a sentinel gets the account only if it wants one', async () => {
  const nodes = new Nodes({
    'a:26379': new Error('NOAUTH HELLO must be called with the client already authenticated'),
  });
  const locator = nodes.locator('redis-sentinel://u:p@a/books');
  const reason = await failure(locator.find(0));
  assert.match(reason, /^no sentinel says where the ledger is \(a:26379: NOAUTH/);
  assert.equal(nodes.asked, ['redis://a:26379', 'redis://u:p@a:26379']);
});

test('a master that no sentinel knows is an error', async () => {
  const nodes = new Nodes({ 'a:26379': null });
  const reason = await failure(nodes.locator('redis-sentinel://a/books').find(0));
  assert.match(reason, /it knows no master books/);
});

test('the owner of the slot is what a node of the cluster says', async () => {
  const slots = [range(0, 99, ['x', 7000], ['y', 7001]), range(100, 16_383, ['z', 7002])];
  const nodes = new Nodes({ 'a:6379': slots });
  assert.is(await nodes.locator('rediss-cluster://u:p@a').find(99), 'rediss://u:p@x:7000');
  assert.is(await nodes.locator('redis-cluster://a').find(100), 'redis://z:7002');
});

test('a node that does not know its own host is where it was found', async () => {
  const nodes = new Nodes({
    'a:6379': [range(0, 16_383, [null, 7000])],
    '[::1]:6379': [range(0, 16_383, ['', 7001])],
  });
  assert.is(await nodes.locator('redis-cluster://a').find(0), 'redis://a:7000');
  assert.is(await nodes.locator('redis-cluster://[::1]').find(0), 'redis://[::1]:7001');
});

test('nodes that others have named are asked when those of the settings are gone', async () => {
  const slots = [range(0, 16_383, ['x', 7000], ['y', 7001])];
  const nodes = new Nodes({ 'a:6379': slots, 'x:7000': slots, 'y:7001': [range(0, 16_383, ['y', 7001])] });
  const locator = nodes.locator('redis-cluster://a');
  assert.is(await locator.find(0), 'redis://x:7000');
  delete nodes.answers['a:6379'];
  delete nodes.answers['x:7000'];
  assert.is(await locator.find(0), 'redis://y:7001');
});

test('a slot without an owner is an error', async () => {
  const nodes = new Nodes({ 'a:6379': [range(1, 16_383, ['x', 7000])] });
  assert.match(await failure(nodes.locator('redis-cluster://a').find(0)), /^slot 0 has no owner/);
});

test('a search ends in time', async () => {
  const silent = Array.from({ length: 20 }, (_, index) => `b${index}:6379`);
  const nodes = new Nodes(Object.fromEntries(silent.map((host) => [host, 'silent' as const])));
  const begunAtMs = performance.now();
  const reason = await failure(nodes.locator(`redis-cluster://${silent.join(',')}`).find(0));
  assert.match(reason, /^no node of the cluster says where the ledger is/);
  assert.ok(performance.now() - begunAtMs < 10 * TIMEOUT_MS);
  assert.ok(nodes.asked.length < silent.length / 2);
});

test('shards that search at the same time share a search, and the next begins anew', async () => {
  const nodes = new Nodes({ 'a:6379': [range(0, 99, ['x', 7000]), range(100, 16_383, ['z', 7002])] });
  const locator = nodes.locator('redis-cluster://a');
  const found = await Promise.all([locator.find(0), locator.find(100), locator.find(200)]);
  assert.equal(found, ['redis://x:7000', 'redis://z:7002', 'redis://z:7002']);
  assert.is(nodes.asked.length, 1);
  await locator.find(0).catch(() => {});
  assert.ok(nodes.asked.length > 1);
});

async function failure(search: Promise<string>): Promise<string> {
  return search.then(
    (url) => `found ${url}`,
    (error: Error) => error.message,
  );
}

test.run();
