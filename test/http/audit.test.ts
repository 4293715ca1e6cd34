import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditReport } from '../../src/audit/report.ts';
import type { Config } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { serveAudit } from '../../src/http/audit.ts';
import { createApp } from '../../src/http/uws.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import type { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { ask as askKept } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { must } from '../ledger/samples.ts';
import { configIn } from '../settings.ts';
import { serveSimulated } from '../simulated/serve-simulated.ts';
import { asRoot, runStarved } from '../starved.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { serveHere } from './served.ts';

const READER = apiKey('key-to-read', ['read']);
const TOKEN = 'a-token-of-the-operator';
const SHAPE = { processorCount: 1, threadCount: 2 };
const DEADLINE_MS = 20_000;

interface World {
  readonly config: Config;
  readonly sharedState: SharedState;
  readonly log: KeptLog;
  readonly processor: SimulatedProcessor;
  ask(query?: string, init?: RequestInit): Promise<Response>;
}

/** The route alone, with an empty ledger and an empty processor. */
async function inWorld(use: (world: World) => Promise<void>, settings: Record<string, string> = {}) {
  const directory = temporaryDirectory();
  const { processor, url, close } = await serveSimulated();
  const config = configIn(directory, {
    PAYMENT_PROCESSOR_URL_DEFAULT: url,
    PAYMENT_PROCESSOR_URL_FALLBACK: '',
    PROCESSOR_TOKENS: 'default=123',
    ADMIN_TOKEN: TOKEN,
    ...settings,
  });
  const [app, sharedState, log] = [
    createApp(),
    new SharedState(SharedState.allocate(SHAPE), SHAPE),
    new KeptLog(),
  ];
  serveAudit({ app, config, keyring: keyringOf([...config.apiKeys.admin, READER]), sharedState, log });
  const listener = await serveHere(app);
  const ask: World['ask'] = (query = '', init = {}) =>
    askKept(`${listener.url}/audit${query}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      ...init,
    });
  try {
    await use({ config, sharedState, log, processor, ask });
    await until('the audit is over', DEADLINE_MS, async () => sharedState.beginAudit());
  } finally {
    listener.close();
    app.close();
    close();
  }
}

const charge = (processor: SimulatedProcessor, requestedAtMs: number) =>
  processor.pay(
    { correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3', amountCents: 1990, requestedAtMs },
    () => {},
  );

test('a request with the token gets the differences', () =>
  inWorld(async ({ processor, ask }) => {
    const first = await ask();
    assert.is(first.status, 200);
    assert.is(first.headers.get('cache-control'), 'no-store');
    assert.is(((await first.json()) as AuditReport).verdict, 'agrees');
    charge(processor, Date.UTC(2025, 6, 15));
    const second = (await (await ask('?from=2025-07-15&to=2025-07-16')).json()) as AuditReport;
    assert.is(second.verdict, 'differs');
    assert.is(second.from, '2025-07-15T00:00:00.000Z');
    assert.equal(second.processors[0]?.windows[0]?.remainder, { count: 1, amountCents: 1990 });
    const outside = (await (await ask('?from=2025-07-16&payments=every')).json()) as AuditReport;
    assert.is(outside.verdict, 'agrees');
  }));

test('a request without the token is refused', () =>
  inWorld(async ({ ask, sharedState }) => {
    assert.is((await ask('', { headers: {} })).status, 401);
    assert.is((await ask('', { headers: {}, method: 'POST' })).status, 401);
    assert.is((await ask('', { method: 'POST' })).status, 405);
    assert.is((await ask('', { headers: { authorization: 'Bearer key-to-read' } })).status, 403);
    assert.ok(sharedState.beginAudit(), 'no audit was begun');
    sharedState.endAudit();
  }));

test('without a key for operators every request is refused', () =>
  inWorld(
    async ({ ask }) => {
      assert.is((await ask()).status, 401);
    },
    { ADMIN_TOKEN: '' },
  ));

test('an invalid window or parameter is refused', () =>
  inWorld(async ({ ask }) => {
    for (const query of ['?from=never', '?to=1&to=2', '?payments=some', '?payments=every&payments=every']) {
      const response = await ask(query);
      assert.is(response.status, 400, query);
      assert.match(((await response.json()) as { type: string }).type, '#bad-window');
    }
    const response = await ask('?payment=every');
    assert.is(response.status, 400);
    assert.match(((await response.json()) as { type: string }).type, '#unknown-parameter');
  }));

test('a bound that is finer than what the books know of old payments is refused', () =>
  inWorld(async ({ config, ask }) => {
    const parts = { clock: systemClock, random: Math.random };
    const ledger = await openLedger(config.ledger, ['default'], parts, 'elsewhere');
    for (const shard of ledger.shards) while (await must(shard.upkeep(Date.now(), 86_400_000)));
    await ledger.close();
    const response = await ask('?to=2025-07-15');
    assert.is(response.status, 422);
    const { type, field } = (await response.json()) as { type: string; field: string };
    assert.equal([type, field], ['/errors#window-too-fine', 'to']);
  }));

test('a second audit at the same time is refused', () =>
  inWorld(async ({ ask, sharedState }) => {
    assert.ok(sharedState.beginAudit());
    const response = await ask();
    assert.is(response.status, 429);
    assert.ok(Number(response.headers.get('retry-after')) > 0);
    sharedState.endAudit();
    assert.is((await ask()).status, 200);
  }));

test('an audit ends with its client', () =>
  inWorld(
    async ({ ask, sharedState, processor }) => {
      charge(processor, Date.now());
      const leaving = new AbortController();
      const asked = ask('', { signal: leaving.signal }).catch(() => 'left');
      await until('the audit has begun', DEADLINE_MS, async () => {
        const isFree = sharedState.beginAudit();
        if (isFree) sharedState.endAudit();
        return !isFree;
      });
      leaving.abort();
      assert.is(await asked, 'left');
    },
    // At this rate, it would take minutes to finish.
    { AUDIT_RATE: '1' },
  ));

test('a ledger that is unavailable, and one that cannot be opened', async () => {
  await inWorld(
    async ({ ask }) => {
      const response = await ask();
      assert.is(response.status, 503);
      assert.match(((await response.json()) as { type: string }).type, '#ledger-unavailable');
    },
    { LEDGER_URL: 'redis://127.0.0.1:1' },
  );
  await inWorld(
    async ({ ask, log }) => {
      const response = await ask();
      assert.is(response.status, 503);
      assert.match(((await response.json()) as { type: string }).type, '#audit-failed');
      assert.is(log.lines.length, 1);
    },
    { LEDGER_URL: 'lmdb:/dev/null/books' },
  );
});

asRoot('an audit whose thread cannot be started is answered, and does not keep others from running', () => {
  const { stdout, stderr } = runStarved(new URL('./starved-audit.ts', import.meta.url));
  assert.match(stdout, /^\{/, stderr);
  const { fillerCount, answers, lines } = JSON.parse(stdout);
  assert.ok(fillerCount > 0);
  assert.equal(answers, ['audit-failed', 'ledger-unavailable']);
  assert.equal(lines, ['error an audit thread cannot be started']);
});

test.run();
