import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readUuid } from '../../src/core/uuid.ts';
import { serveCallbacks } from '../../src/http/callbacks.ts';
import { Exchange } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { refuse } from '../../src/http/route.ts';
import { createApp, type WebApp } from '../../src/http/uws.ts';
import { CallbackRing, CallbackSlot } from '../../src/shared-memory/callback-ring.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { ask, contract } from '../contract/kept.ts';
import { type Served, serveHere } from './served.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const SHAPE = { processorCount: 3, threadCount: 1 };

let app: WebApp;
let listener: Served;
let url = '';
let ring: CallbackRing;
let metricsTable: MetricsTable;

/** Reads `{"about": id}`; throws an error if the body is not JSON. */
function readAbout(body: string): string | null {
  const { about } = JSON.parse(body);
  return about ?? null;
}

const test = suite('POST /processors/{name}/callback');
test.before.each(async () => {
  app = createApp();
  ring = new CallbackRing(CallbackRing.allocate(8));
  metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  serveCallbacks({
    app,
    processors: {
      targets: ['default', 'slow', 'other'].map((name) => ({ name })),
      readers: new Map([['slow', readAbout]]),
    },
    ring,
    metrics: metricsTable.thread(0),
  });
  app.any('/*', (response, request) => refuse(new Exchange(response, request), problem('no-such-route')));
  listener = await serveHere(app);
  url = listener.url;
});
test.after.each(() => {
  listener.close();
  app.close();
});

function post(name: string, body: string): Promise<Response> {
  return ask(`${url}/processors/${name}/callback`, { method: 'POST', body });
}

/** The callbacks in the ring, as texts. */
function pushed(): string[] {
  const slot = new CallbackSlot();
  const all: string[] = [];
  while (ring.take(slot)) all.push(`${slot.processor} ${readUuid(slot.id, 0)}`);
  return all;
}

test('an id that the contract reads goes to the pool threads, whether a payment has it or not', async () => {
  const response = await post('slow', JSON.stringify({ about: ID.toUpperCase(), status: 'settled' }));
  assert.is(response.status, 202);
  assert.is(await response.text(), '');
  assert.equal(pushed(), [`1 ${ID}`]);
  assert.is(metricsTable.countedAt(1, 'callbacks'), 1);
});

test('what the contract cannot read is refused', async () => {
  for (const body of ['', 'x', '{}', '{"about":7}', '{"about":"7"}', JSON.stringify({ about: `${ID}0` })]) {
    const response = await post('slow', body);
    assert.is(response.status, 422, body);
    const { type } = (await response.json()) as { type: string };
    assert.is(type, '/errors#callback-not-readable');
  }
  assert.equal(pushed(), []);
  assert.is(metricsTable.countedAt(1, 'callbacks'), 0);
});

test('a body has a limit', async () => {
  const long = (length: number) => JSON.stringify({ about: ID }).padEnd(length);
  assert.is((await post('slow', long(16_384))).status, 202);
  const response = await post('slow', long(16_385));
  assert.is(response.status, 413);
  assert.match(await response.text(), '16384 bytes');
  assert.equal(pushed(), [`1 ${ID}`]);
});

test('only processors whose contract has callbacks have the path, and only for POST', async () => {
  for (const name of ['default', 'other', 'unknown']) {
    assert.is((await post(name, JSON.stringify({ about: ID }))).status, 404, name);
  }
  const response = await ask(`${url}/processors/slow/callback`);
  assert.is(response.status, 405);
  assert.is(response.headers.get('allow'), 'POST');
  assert.equal(pushed(), []);
});

test('every documented answer was seen', () => {
  const documented = contract.documented().filter((name) => name.includes('/processors/{name}/callback'));
  assert.ok(documented.length >= 4);
  assert.equal(
    documented.filter((name) => !contract.kept.has(name)),
    [],
  );
});

test.run();
