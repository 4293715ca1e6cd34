import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Definitions } from '../../src/http/definitions.ts';
import { ProcessorRoutes } from '../../src/http/processor-routes.ts';
import { createApp } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import type { ProcessorControls } from '../../src/ledger/processor-controls.ts';
import { openCallbackReader } from '../../src/processor/callback-readers.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';
import { type OperatorRoutes, operators, serving, TOKEN, typeOf } from './operator-routes.ts';

const NAMES = ['default', 'fallback'];
const FEE = { share: 0.015, fixed: 0.35 };
const LIMITS = { callsAtOnce: 400, callsPerSecond: null, minAmount: 0.01, maxAmount: null };
const TERMS = { fee: FEE, configuredFee: FEE, limits: LIMITS, configuredLimits: LIMITS };
const CREDENTIALS_AT_MS = Date.UTC(2025, 6, 15, 12);
const SECRETS = mkdtempSync(join(tmpdir(), 'secrets-'));
const THIRD = { name: 'third', url: 'http://third:8080', contract: 'rinha', fee: { share: 0.01 } };
const HEADERS = { authorization: `Bearer ${TOKEN}` };
const BOUNDS = { poolThreadCount: 2, callsMax: 500 };

interface Shown {
  readonly name: string;
  readonly added: boolean;
  readonly removed: boolean;
  readonly fee: object;
  readonly by: string;
}

interface World extends OperatorRoutes {
  readonly store: MemoryStore;
  readonly books: MemoryLedger;
  readonly mood: Mood;
  readonly log: KeptLog;
  readonly clock: ManualClock;
  add(body: unknown): Promise<Response>;
  /** The names of the processors. */
  listed(): Promise<string[]>;
  detailOf(response: Response): Promise<string>;
}

async function inWorld(use: (world: World) => Promise<void>, mode: 'token' | 'loopback' | 'off' = 'token') {
  const [app, log, mood, clock, store] = [
    createApp(),
    new KeptLog(),
    new Mood(),
    new ManualClock(),
    new MemoryStore(),
  ];
  const books = new MemoryLedger(NAMES, store);
  const processors = NAMES.map((name) => processorTarget({ name, feePpm: 15_000, feeFixedCents: 35 }));
  const ledger = moody(books, mood);
  const sharedState = { credentialsAtMs: CREDENTIALS_AT_MS };
  const definitions = new Definitions(
    { open: openCallbackReader },
    { PROCESSOR_SECRETS_DIR: SECRETS },
    clock,
  );
  const parts = { app, processors, definitions, bounds: BOUNDS, sharedState, ledger, clock, log };
  new ProcessorRoutes(parts).serve('/processors', operators(mode));
  await serving(app, '/processors', (routes) => {
    const add = (body: unknown) =>
      routes.list('', {
        method: 'POST',
        headers: HEADERS,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    const listed = async () => {
      const { processors } = (await (await routes.list()).json()) as { processors: readonly Shown[] };
      return processors.map(({ name }) => name);
    };
    const detailOf = async (response: Response) => {
      assert.is(response.status, 422);
      return ((await response.json()) as { detail: string }).detail;
    };
    return use({ ...routes, store, books, mood, log, clock, add, listed, detailOf });
  });
}

test('lists the processors with what is open at each', () =>
  inWorld(async ({ books, list }) => {
    const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 1e15));
    await must(books.commit(owner, [], [claimOf(1, { processor: 1 }), claimOf(2, { processor: 1 })]));
    const response = await list();
    assert.is(response.status, 200);
    assert.is(response.headers.get('etag'), '"0"');
    const untouched = {
      paused: false,
      removed: false,
      added: false,
      ...TERMS,
      changedAt: null,
      by: '',
      why: '',
    };
    const known = { contract: 'rinha' };
    assert.equal(await response.json(), {
      version: 0,
      credentialsReadAt: '2025-07-15T12:00:00.000Z',
      processors: [
        { name: 'default', ...untouched, ...known, open: 0 },
        { name: 'fallback', ...untouched, ...known, open: 2 },
      ],
    });
    assert.is(await typeOf(await list('?x=1')), '400 unknown-parameter');
    assert.is((await list('', { method: 'HEAD' })).status, 200);
  }));

test('a change is kept with its time, author and reason, logged once, and can be repeated', () =>
  inWorld(async ({ store, log, clock, list, change }) => {
    const body = { paused: true, by: 'ana', why: 'maintenance' };
    const answers = [await change('fallback', body), await change('fallback', body)];
    clock.pass(5000);
    answers.push(await change('fallback', { paused: true, by: 'bob' }));
    for (const response of answers) {
      assert.is(response.status, 200);
      assert.is(response.headers.get('etag'), '"1"');
      assert.equal(await response.json(), {
        version: 1,
        name: 'fallback',
        paused: true,
        removed: false,
        added: false,
        ...TERMS,
        changedAt: new Date(clock.nowMs() - 5000).toISOString(),
        by: 'ops (ana)',
        why: 'maintenance',
      });
    }
    assert.equal(log.lines, ['warn processor controls changed']);
    assert.is((await change('fallback', { paused: false })).headers.get('etag'), '"2"');
    assert.is((await change('default', { paused: false })).headers.get('etag'), '"2"', 'it is so already');
    assert.is(store.controls.version, 2);
    const { processors } = (await (await list()).json()) as { processors: { paused: boolean }[] };
    assert.equal(
      processors.map(({ paused }) => paused),
      [false, false],
    );
  }));

test('a fee changes, is kept beside the configured one, and returns to it', () =>
  inWorld(async ({ store, list, change }) => {
    const feesOf = async (response: Response) => {
      const { fee, paused } = (await response.json()) as { fee: object; paused: boolean };
      return [fee, paused];
    };
    assert.is((await change('default', { paused: true })).status, 200);
    const fee = { share: 0.123456, fixed: 1234.56 };
    assert.equal(await feesOf(await change('default', { fee })), [fee, true]);
    assert.equal(store.controls.processors['default']?.fee, { feePpm: 123_456, feeFixedCents: 123_456 });
    const again = await change('default', { fee });
    assert.is(again.headers.get('etag'), '"2"', 'it is so already');
    assert.equal(await feesOf(await change('default', { paused: false })), [fee, false]);
    const { processors } = (await (await list()).json()) as {
      processors: { fee: object; configuredFee: object }[];
    };
    assert.equal(processors[0], { ...processors[0], fee, configuredFee: FEE });
    assert.equal(await feesOf(await change('default', { fee: { fixed: 0.29 } })), [
      { share: 0, fixed: 0.29 },
      false,
    ]);
    assert.equal(await feesOf(await change('default', { fee: null, paused: true })), [FEE, true]);
    assert.is(store.controls.version, 5);
  }));

test('limits change one by one, are kept beside the configured ones, and return to them', () =>
  inWorld(async ({ store, list, change }) => {
    const limitsOf = async (response: Response) =>
      ((await response.json()) as { limits: object; configuredLimits: object }).limits;
    const asked = { callsAtOnce: 20, callsPerSecond: 50, minAmount: 0.5, maxAmount: 1000.01 };
    assert.equal(await limitsOf(await change('default', { limits: asked })), asked);
    const kept = { callLimit: 20, callsPerSecond: 50, minAmountCents: 50, maxAmountCents: 100_001 };
    assert.equal(store.controls.processors['default']?.limits, kept);
    assert.is((await change('default', { limits: asked })).headers.get('etag'), '"1"', 'it is so already');
    const paused = await change('default', { paused: true, limits: { callsPerSecond: null } });
    assert.equal(await limitsOf(paused), { ...asked, callsPerSecond: null });
    assert.equal(await limitsOf(await change('default', { fee: { share: 0 } })), {
      ...asked,
      callsPerSecond: null,
    });
    const { processors } = (await (await list()).json()) as { processors: { configuredLimits: object }[] };
    assert.equal(processors[0]?.configuredLimits, LIMITS);
    const most = { maxAmount: 90071992547409.91 };
    assert.equal(await limitsOf(await change('fallback', { limits: most })), LIMITS);
    assert.equal(await limitsOf(await change('default', { limits: null })), LIMITS);
    assert.equal(store.controls.processors['default']?.limits, {});
    assert.is(store.controls.version, 5);
  }));

test('limits of calls at once that this instance cannot keep are shown as it keeps them', () =>
  inWorld(async ({ store, change }) => {
    for (const [asked, held] of [
      [1000, 500],
      [1, 2],
    ]) {
      const response = await change('default', { limits: { callsAtOnce: asked } });
      const { limits } = (await response.json()) as { limits: { callsAtOnce: number } };
      assert.is(limits.callsAtOnce, held);
      assert.is(store.controls.processors['default']?.limits?.callLimit, asked, 'others may');
    }
  }));

test('limits that contradict each other are refused, and do not keep an operator from anything else', () =>
  inWorld(async ({ store, change }) => {
    assert.is((await change('default', { limits: { minAmount: 5 } })).status, 200);
    const response = await change('default', { limits: { maxAmount: 4.99 } });
    const { field, detail } = (await response.clone().json()) as { field: string; detail: string };
    assert.equal(
      [field, detail],
      [
        'limits',
        '`minAmount` would be 5.00, and `maxAmount` 4.99: expected `minAmount` to be at most `maxAmount`.',
      ],
    );
    assert.is(await typeOf(response), '422 change-not-valid');
    assert.is(store.controls.version, 1);
    const { default: control } = store.controls.processors;
    assert.ok(control !== undefined);
    const limits = { minAmountCents: 500, maxAmountCents: 499 };
    store.controls = { version: 2, processors: { default: { ...control, limits } } };
    assert.is((await change('default', { paused: true })).status, 200);
  }));

test('If-Match keeps a change from being made to a version that its author has not seen', () =>
  inWorld(async ({ store, change }) => {
    assert.is((await change('default', { paused: true }, { 'if-match': '"0"' })).status, 200);
    const stale = await change('fallback', { paused: true }, { 'if-match': '"0"' });
    assert.is(await typeOf(stale), '412 processors-changed');
    assert.is(
      await typeOf(await change('fallback', { paused: true }, { 'if-match': 'W/"1"' })),
      '412 processors-changed',
    );
    assert.is(store.controls.version, 1);
    const repeated = await change('default', { paused: true }, { 'if-match': '"0"' });
    assert.is(repeated.status, 200, 'the answer to the first may have been lost');
    assert.is((await change('fallback', { paused: true }, { 'if-match': '"1"' })).status, 200);
    assert.is((await change('fallback', { paused: false }, { 'if-match': '*' })).status, 200);
  }));

test('of two changes at once none is lost', () =>
  inWorld(async ({ store, mood, change }) => {
    const goOn = mood.slow('setProcessorControls');
    const both = [change('default', { paused: true }), change('fallback', { paused: true })];
    while (mood.count('setProcessorControls') < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    goOn();
    for (const response of await Promise.all(both)) assert.is(response.status, 200);
    assert.is(store.controls.version, 2);
    assert.ok(NAMES.every((name) => store.controls.processors[name]?.isPaused));
  }));

test('gives up while others change the processors again and again', () =>
  inWorld(async ({ books, store, change }) => {
    const others = books.processorControls.bind(books);
    books.processorControls = async () => {
      const reply = await others();
      const version = store.controls.version + 1;
      store.controls = { version, processors: {} } satisfies ProcessorControls;
      return reply;
    };
    assert.is(await typeOf(await change('default', { paused: true })), '412 processors-changed');
  }));

test('what is not valid is refused, and names the member', () =>
  inWorld(async ({ store, change }) => {
    assert.is(await typeOf(await change('another', { paused: true })), '404 no-such-processor');
    assert.is(await typeOf(await change('default?x=1', { paused: true })), '400 unknown-parameter');
    for (const body of ['', '{', '[]', 'null', '"paused"'])
      assert.is(await typeOf(await change('default', body)), '400 malformed-json', body);
    for (const [field, body] of [
      ['paused', {}],
      ['paused', { paused: 1 }],
      ['pause', { pause: true }],
      ['by', { paused: true, by: 5 }],
      ['by', { paused: true, by: 'x'.repeat(65) }],
      ['why', { paused: true, why: 'x'.repeat(201) }],
      ['why', { paused: true, why: '\u001b[2J' }],
      ['fee', { fee: 0.05 }],
      ['fee', { fee: { share: 1.1 } }],
      ['fee', { fee: { share: -0.1 } }],
      ['fee', { fee: { share: 0.0000001 } }],
      ['fee', { fee: { fixed: 0.005 } }],
      ['fee', { fee: { fixed: 1e7 } }],
      ['fee', { fee: { shares: 0.05 } }],
      ['fee', { fee: { share: '0.05' } }],
      ['limits', { limits: 5 }],
      ['limits', { limits: [] }],
      ['limits', { limits: {} }],
      ['limits', { limits: { callsAtOnce: 0 } }],
      ['limits', { limits: { callsAtOnce: 1025 } }],
      ['limits', { limits: { callsAtOnce: 1.5 } }],
      ['limits', { limits: { callsAtOnce: '5' } }],
      ['limits', { limits: { callsPerSecond: 100_001 } }],
      ['limits', { limits: { callLimit: 5 } }],
      ['limits', { limits: { minAmount: 0 } }],
      ['limits', { limits: { minAmount: 0.001 } }],
      ['limits', { limits: { maxAmount: -1 } }],
      ['limits', { limits: { maxAmount: 1e14 } }],
    ] as const) {
      const response = await change('default', body);
      assert.is(((await response.clone().json()) as { field: string }).field, field);
      assert.is(await typeOf(response), '422 change-not-valid');
    }
    const long = { paused: true, why: 'x'.repeat(5000) };
    assert.is(await typeOf(await change('default', long)), '413 body-too-large');
    assert.is(store.controls.version, 0);
  }));

test('a page of another origin changes nothing', () =>
  inWorld(async ({ store, change }) => {
    const response = await change('default', { paused: true }, { origin: 'http://elsewhere.example' });
    assert.is(await typeOf(response), '403 other-origin');
    assert.is(store.controls.version, 0);
  }));

test('while the ledger does not answer: 503', () =>
  inWorld(async ({ mood, list, change }) => {
    mood.away.add('openPayments');
    assert.is(await typeOf(await list()), '503 ledger-unavailable');
    mood.away.clear();
    mood.forgetful.add('setProcessorControls');
    assert.is(await typeOf(await change('default', { paused: true })), '503 ledger-unavailable');
    mood.forgetful.clear();
    const again = await change('default', { paused: true });
    assert.is(again.headers.get('etag'), '"1"', 'it was made the first time');
    mood.away.add('processorControls');
    assert.is(await typeOf(await change('default', { paused: true })), '503 ledger-unavailable');
  }));

test('only operators may, whatever the method', async () => {
  const none = { headers: {} };
  await inWorld(async ({ list, change }) => {
    assert.is(await typeOf(await list('', none)), '401 token-required');
    const anonymous = await change('default', { paused: true }, { authorization: '' });
    assert.is(await typeOf(anonymous), '401 token-required');
    assert.is(await typeOf(await list('', { ...none, method: 'DELETE' })), '401 token-required');
    assert.is(await typeOf(await list('/default')), '405 method-not-allowed');
    assert.is(await typeOf(await list('/default', none)), '401 token-required');
    const response = await list('', { method: 'DELETE' });
    assert.is(await typeOf(response), '405 method-not-allowed');
  });
  await inWorld(async ({ list, change }) => {
    assert.is((await list('', none)).status, 200);
    const proxied = { headers: { via: '1.1 proxy' } };
    assert.is(await typeOf(await list('', proxied)), '403 loopback-only');
    assert.is(await typeOf(await change('default', { paused: true }, proxied.headers)), '403 loopback-only');
  }, 'loopback');
  await inWorld(async ({ list, change }) => {
    assert.is(await typeOf(await list()), '404 no-such-route');
    assert.is(await typeOf(await change('default', { paused: true })), '404 no-such-route');
  }, 'off');
});

test('a processor is added once, listed behind the others, and added again', () =>
  inWorld(async ({ store, log, add, change, listed }) => {
    const said = { by: 'ana', why: 'cheaper' };
    const response = await add({ ...THIRD, ...said });
    assert.is(response.status, 201);
    assert.is(response.headers.get('etag'), '"1"');
    const { name, added, removed, fee, by } = (await response.json()) as Shown;
    assert.equal([name, added, removed, fee], ['third', true, false, { share: 0.01, fixed: 0 }]);
    assert.is(by, 'ops (ana)');
    assert.equal(store.controls.processors['third']?.definition, THIRD);
    const sameInOtherWords = { ...THIRD, fee: { share: 0.01, fixed: 0 }, why: 'again' };
    assert.is((await add(sameInOtherWords)).status, 200);
    assert.is(store.controls.version, 1);
    assert.equal(await listed(), ['default', 'fallback', 'third']);
    assert.is(log.lines.length, 1);
    assert.is((await change('third', { removed: true })).status, 200);
    assert.is((await change('third', { removed: true })).status, 200);
    assert.is(store.controls.version, 2);
    assert.is((await add(THIRD)).status, 201);
    assert.is((await change('third', { removed: true })).status, 200);
    assert.is((await change('third', { removed: false })).status, 200);
    assert.equal(await listed(), ['default', 'fallback', 'third']);
    assert.is((await change('third', { paused: true, fee: { share: 0.02 } })).status, 200);
  }));

test('another processor of the same name is refused', () =>
  inWorld(async ({ add, change }) => {
    await add(THIRD);
    await change('third', { removed: true });
    assert.is(await typeOf(await add({ ...THIRD, url: 'http://elsewhere' })), '409 processor-exists');
    assert.is(await typeOf(await add({ ...THIRD, name: 'default' })), '409 processor-exists');
    writeFileSync(join(SECRETS, 'OTHER_KEY'), 'secret');
    const withKey = { ...THIRD, credentials: { bearer: 'OTHER_KEY' } };
    assert.is(await typeOf(await add(withKey)), '409 processor-exists');
  }));

test('a processor of the settings is removed and added again', () =>
  inWorld(async ({ store, change }) => {
    assert.is((await change('default', { removed: true, why: 'contract ended' })).status, 200);
    assert.is(store.controls.processors['default']?.isRemoved, true);
    assert.is(await typeOf(await change('fallback', { removed: true })), '409 last-processor');
    assert.is((await change('default', { removed: false })).status, 200);
    assert.is((await change('default', { paused: true })).status, 200);
    assert.is(await typeOf(await change('fallback', { removed: true })), '409 last-processor');
  }));

test('what this instance cannot use is not added, and the answer says everything that is wrong', () =>
  inWorld(async ({ store, add, detailOf }) => {
    const wrong = async (change: object) => detailOf(await add({ ...THIRD, ...change }));
    assert.is(await typeOf(await add('x')), '400 malformed-json');
    const nothing = await detailOf(await add({}));
    for (const name of ['name', 'url', 'contract', 'fee'])
      assert.match(nothing, new RegExp(`${name} is missing`));
    assert.match(await wrong({ fee: { share: '5%' } }), /fee\.share: "?5%"? is invalid: write 5% as 0\.05/);
    assert.match(await wrong({ urll: 1 }), /urll is not known; did you mean `url`/);
    assert.match(await wrong({ url: 'http://a:b@third' }), /url has credentials: expected `credentials`/);
    assert.match(await wrong({ contract: 'nonsense' }), /there is no contract/);
    assert.match(await wrong({ contract: '/etc/passwd' }), /expected a contract that comes with the gateway/);
    assert.match(await wrong({ contract: './own.ts' }), /expected a contract that comes with the gateway/);
    assert.match(await wrong({ credentials: { bearer: 'LEDGER_URL' } }), /LEDGER_URL_FILE=.* cannot be read/);
    assert.match(await wrong({ limits: { minAmount: 5, maxAmount: 4 } }), /expected at most maxAmount/);
    const long = JSON.stringify({ ...THIRD, options: { values: Array(400).fill(7) } }).replaceAll(
      '7,',
      '1e20,',
    );
    assert.match(await detailOf(await add(long)), /longer than 4092 bytes/);
    assert.is(await typeOf(await add(`${long}${' '.repeat(4096)}`)), '413 body-too-large');
    assert.match(await wrong({ by: 7 }), /`by` must be text/);
    assert.is(store.controls.version, 0);
    writeFileSync(join(SECRETS, 'third-key'), 'secret\n');
    assert.match(
      await wrong({ credentials: { bearer: '../third-key' } }),
      /the name of an environment variable/,
    );
    writeFileSync(join(SECRETS, 'THIRD_KEY'), 'secret\n');
    assert.is((await add({ ...THIRD, credentials: { bearer: 'THIRD_KEY' } })).status, 201);
    assert.not(JSON.stringify(store.controls).includes('secret'));
  }));

test('a deployment has so many processors at most', () =>
  inWorld(async ({ add, listed }) => {
    for (let number = 3; number <= 16; number++)
      assert.is((await add({ ...THIRD, name: `number-${number}` })).status, 201);
    assert.is(await typeOf(await add({ ...THIRD, name: 'number-17' })), '409 too-many-processors');
    assert.is((await add({ ...THIRD, name: 'number-16' })).status, 200);
    assert.is((await listed()).length, 16);
  }));

test.after(() => rmSync(SECRETS, { recursive: true }));
test.run();
