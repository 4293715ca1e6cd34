import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { NO_CONTRACTS } from '../../src/http/callbacks.ts';
import { HttpThread } from '../../src/http/thread.ts';
import { allocateSharedMemory } from '../../src/shared-memory/allocate.ts';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { ask } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { configIn } from '../settings.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { serveHere } from './served.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';

let directory = '';
test.before.each(() => {
  directory = temporaryDirectory();
});

function journalFiles(): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.journal'));
}

/** A thread that has accepted one payment, which is still in the ring. */
async function setUp(environment: Record<string, string> = {}) {
  const clock = new ManualClock();
  return { clock, ...(await setUpWith(clock, environment)) };
}

async function setUpWith(clock: Clock, environment: Record<string, string>) {
  const config = configIn(directory, environment);
  const shared = allocateSharedMemory(config, 0);
  const thread = await HttpThread.open(0, config, shared, clock, new KeptLog(), NO_CONTRACTS);
  const listener = await serveHere(thread.app);
  const askHere = (path: string, init?: RequestInit) => ask(listener.url + path, init);
  const response = await askHere('/payments', {
    method: 'POST',
    body: `{"correlationId":"${ID}","amount":1}`,
  });
  assert.is(response.status, 202);
  const slot = new RingSlot();
  assert.ok(new Ring(shared.ring).pop(slot));
  const markDone = () => new SegmentTable(shared.segments).markDone(slot.journalRef);
  const close = () => {
    listener.close();
    return thread.close();
  };
  return { askHere, markDone, close };
}

test('journal files that are no longer needed are removed every second', async () => {
  const { clock, markDone, close } = await setUp();
  clock.pass(5000);
  assert.is(journalFiles().length, 1);
  markDone();
  clock.pass(999);
  assert.is(journalFiles().length, 1);
  clock.pass(1);
  assert.is(journalFiles().length, 0);
  await close();
  assert.is(clock.pending, 0);
});

test('after close, the journal holds only payments that the ledger does not have', async () => {
  const kept = await setUp();
  await kept.close();
  assert.is(journalFiles().length, 1);
  rmSync(join(directory, journalFiles()[0] ?? ''));
  const done = await setUp();
  done.markDone();
  await done.close();
  assert.is(journalFiles().length, 0);
});

test('with metrics off, the route does not exist', async () => {
  for (const [access, status] of [
    ['off', 404],
    ['loopback', 200],
  ] as const) {
    const { askHere, close } = await setUp({ METRICS_ACCESS: access });
    const response = await askHere('/metrics').finally(close);
    assert.is(response.status, status, access);
  }
});

const PAUSE = { method: 'PATCH', body: '{"paused":true}' };

test('operators who have signed in act from the dashboard, and nobody else', async () => {
  const token = 'a-token-of-the-operator';
  const { askHere, close } = await setUpWith(systemClock, { DASHBOARD_ACCESS: 'token', ADMIN_TOKEN: token });
  const path = '/dashboard/processors/default';
  assert.is((await askHere(path, PAUSE)).status, 401);
  const form = { method: 'POST', body: `token=${token}`, redirect: 'manual' } as const;
  const [cookie = ''] =
    (await askHere('/dashboard/session', form)).headers.get('set-cookie')?.split(';') ?? [];
  const foreign = await askHere(path, { ...PAUSE, headers: { cookie, origin: 'http://elsewhere.example' } });
  assert.is(foreign.status, 403);
  assert.is((await askHere(path, { ...PAUSE, headers: { cookie } })).status, 200);
  assert.is((await askHere('/processors/default', { ...PAUSE, headers: { cookie } })).status, 401);
  const listed = await askHere('/dashboard/processors', { headers: { cookie } });
  const { processors } = (await listed.json()) as {
    processors: { name: string; paused: boolean; by: string }[];
  };
  assert.equal(
    processors.map(({ paused }) => paused),
    [true, false],
  );
  assert.is(processors[0]?.by, 'admin', 'the key with which the browser signed in');
  const found = await askHere('/dashboard/api/payments?status=open', { headers: { cookie } });
  assert.equal(((await found.json()) as { payments: unknown[] }).payments, []);
  const correlationId = crypto.randomUUID();
  const body = JSON.stringify({
    what: 'cancel',
    payments: [{ correlationId, amount: 19.9 }],
    why: 'ordered twice',
  });
  for (const [headers, status] of [
    [{}, 401],
    [{ cookie, origin: 'http://elsewhere.example' }, 403],
    [{ cookie }, 200],
  ] as const)
    assert.is((await askHere('/dashboard/api/actions', { method: 'POST', body, headers })).status, status);
  const shown = await askHere(`/dashboard/api/payments/${correlationId}`, { headers: { cookie } });
  assert.equal(((await shown.json()) as { history: unknown[] }).history, [], 'operators see the story');
  assert.is((await askHere(`/dashboard/api/payments/${correlationId}`)).status, 401);
  const log = await askHere('/dashboard/api/actions', { headers: { cookie } });
  assert.is(((await log.json()) as { actions: { by: string }[] }).actions[0]?.by, 'admin');
  await close();
});

test('who may only look at the dashboard changes nothing from it', async () => {
  for (const environment of [{}, { OPERATOR_ACCESS: 'off', DASHBOARD_ACCESS: 'open' }]) {
    const { askHere, close } = await setUp(environment as Record<string, string>);
    assert.is((await askHere('/dashboard/processors/default', PAUSE)).status, 404);
    for (const path of ['payments', 'actions'])
      assert.is((await askHere(`/dashboard/api/${path}`)).status, 404, path);
    await close();
  }
  const { askHere, close } = await setUpWith(systemClock, { OPERATOR_ACCESS: 'loopback' });
  assert.is((await askHere('/dashboard/processors/default', PAUSE)).status, 200);
  await close();
});

test.run();
