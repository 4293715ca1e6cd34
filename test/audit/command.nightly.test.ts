import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditOrder, runAudit } from '../../src/audit/command.ts';
import type { AuditReport } from '../../src/audit/report.ts';
import { systemClock } from '../../src/core/clock.ts';
import { serveAudit } from '../../src/http/audit.ts';
import { createApp } from '../../src/http/uws.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import type { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { serveHere } from '../http/served.ts';
import { KeptLog } from '../kept-log.ts';
import { keyringOf } from '../keyring.ts';
import { must } from '../ledger/samples.ts';
import { configOf } from '../settings.ts';
import { serveSimulated } from '../simulated/serve-simulated.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const ORDER: AuditOrder = {
  from: '',
  to: '',
  every: false,
  json: false,
  all: false,
  progress: false,
  url: undefined,
  token: '',
};
const TOKEN = 'a-token-of-the-operator';
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const LONG_AGO_MS = Date.UTC(2025, 6, 15);

interface World {
  readonly processor: SimulatedProcessor;
  readonly environment: Record<string, string>;
  readonly path: string;
  run(
    order?: Partial<AuditOrder>,
    change?: Record<string, string>,
  ): Promise<{ code: number; out: string; err: string; progress: string }>;
}

async function inWorld(use: (world: World) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const path = join(directory, 'ledger');
  const { processor, url, close } = await serveSimulated();
  const environment = {
    LEDGER_URL: `lmdb:${path}`,
    PAYMENT_PROCESSOR_URL_DEFAULT: url,
    PROCESSOR_TOKENS: 'default=123',
    ADMIN_TOKEN: TOKEN,
  };
  const run: World['run'] = async (order = {}, change = {}) => {
    const [out, err, progress]: [string[], string[], string[]] = [[], [], []];
    const code = await runAudit(
      { ...ORDER, ...order },
      {
        environment: { ...environment, ...change },
        print: (text) => out.push(text),
        complain: (line) => err.push(line),
        progress: { isTerminal: true, write: (text) => progress.push(text) },
      },
    );
    return { code, out: out.join('\n'), err: err.join('\n'), progress: progress.join('') };
  };
  try {
    await use({ processor, environment, path, run });
  } finally {
    close();
  }
}

async function makeBooks(path: string): Promise<void> {
  const ledger = await LmdbLedger.open(path, { processorNames: ['default'], clock: systemClock });
  await must(ledger.ping());
  await ledger.close();
}

function charge(processor: SimulatedProcessor, requestedAtMs: number): void {
  processor.pay({ correlationId: ID, amountCents: 1990, requestedAtMs }, () => {});
}

test('each verdict has its exit code', () =>
  inWorld(async ({ processor, path, run }) => {
    await makeBooks(path);
    const agreed = await run();
    assert.is(agreed.code, 0);
    assert.match(agreed.out, /^AGREES/);
    assert.is((await run({}, { PROCESSOR_TOKENS: '' })).code, 2);
    charge(processor, Date.now() - 1000);
    assert.is((await run()).code, 3);
    processor.purge();
    charge(processor, LONG_AGO_MS);
    const differing = await run({ json: true });
    assert.is(differing.code, 1);
    assert.is((JSON.parse(differing.out) as AuditReport).verdict, 'differs');
    assert.is((await run({ to: '2025-07-14' })).code, 0);
  }));

test('reports a missing ledger, invalid settings and an unavailable ledger in one line each', () =>
  inWorld(async ({ path, run }) => {
    const line = `dinossauro: LEDGER_URL: found no ledger in ${path}`;
    assert.equal(await run(), { code: 2, out: '', err: line, progress: '' });
    const wrong = await run({}, { AUDIT_RATE: '0', AUDIT_LIMIT: '0' });
    assert.is(wrong.code, 2);
    assert.match(wrong.err, /^dinossauro: AUDIT_RATE=.*\ndinossauro: AUDIT_LIMIT=[^\n]*$/);
    const away = await run({}, { LEDGER_URL: 'redis://127.0.0.1:1' });
    assert.is(away.code, 2);
    assert.match(away.err, /^dinossauro: LEDGER_URL: the ledger does not answer: /);
    assert.match((await run({ from: 'never' })).err, '`from` is not a valid ISO 8601 timestamp');
  }));

test('a long audit reports progress, unless its output is JSON', () =>
  inWorld(async ({ processor, path, run }) => {
    await makeBooks(path);
    charge(processor, LONG_AGO_MS);
    const slow = { AUDIT_RATE: '1' };
    const [shown, quiet, asked] = await Promise.all([
      run({}, slow),
      run({ json: true }, slow),
      run({ json: true, progress: true }, slow),
    ]);
    for (const { code } of [shown, quiet, asked]) assert.is(code, 1);
    for (const { progress } of [shown, asked])
      assert.match(progress, /audit: comparing totals, calls made: \d/);
    assert.is(quiet.progress, '');
    JSON.parse(asked.out);
  }));

test('a gateway audits on request, given the token', () =>
  inWorld(async ({ processor, environment, run }) => {
    const shape = { processorCount: 1, threadCount: 1 };
    const [app, sharedState] = [createApp(), new SharedState(SharedState.allocate(shape), shape)];
    const config = configOf(environment);
    serveAudit({ app, config, keyring: keyringOf(config.apiKeys.admin), sharedState, log: new KeptLog() });
    const listener = await serveHere(app);
    const url = `${listener.url}/`;
    charge(processor, LONG_AGO_MS);
    const differing = await run({ url, token: TOKEN, every: true });
    assert.is(differing.code, 1);
    assert.match(differing.out, 'none of our payments explains 1 payment of 19.90');
    assert.is((await run({ url, token: TOKEN, from: '2025-07-16T00:00:00+00:00' })).code, 0);
    const refused = await run({ url });
    assert.is(refused.code, 2);
    assert.match(refused.err, /^dinossauro: .* answered 401: /);
    listener.close();
    app.close();
    const gone = await run({ url, token: TOKEN });
    assert.is(gone.code, 2);
    assert.match(gone.err, /^dinossauro: http\S+ does not answer: ./);
  }));

test.run();
