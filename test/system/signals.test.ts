import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Child } from './child.ts';
import { Deployment, type Shape } from './deployment.ts';
import { freePort } from './port.ts';
import { pause, until } from './until.ts';

const START_MS = 20_000;
const EXITED = { code: 0, signal: null };
/** A stop that has to wait takes this long, so one that does not wait is recognisable. */
const LONG_MS = 60_000;
const SOON_MS = 20_000;
/** Signals less than a second apart count as one. */
const INSIST_AFTER_MS = 1500;
const PRELOAD = new URL('./signal-at-load.ts', import.meta.url).href;

/** Runs a program in a directory of its own. */
async function withChild(
  program: string,
  settings: Readonly<Record<string, string>>,
  use: (child: Child, directory: string) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const environment = {
    LISTEN: `127.0.0.1:${await freePort()}`,
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    JOURNAL_DIR: join(directory, 'journal'),
    PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:1',
    STOP_TIMEOUT_MS: String(LONG_MS),
    ...settings,
  };
  const child = new Child(program, environment, { directory });
  try {
    await use(child, directory);
  } catch (error) {
    console.error(child.output);
    throw error;
  } finally {
    await child.kill();
  }
}

async function endsSoon(child: Child): Promise<unknown> {
  const fromMs = performance.now();
  const ended = await child.ended;
  const tookMs = performance.now() - fromMs;
  assert.ok(tookMs < SOON_MS, `the stop took ${tookMs} ms`);
  return ended;
}

/** The lock files in the journal's directory. */
function locksIn(directory: string): string[] {
  const journal = join(directory, 'journal');
  return existsSync(journal) ? readdirSync(journal).filter((name) => name.includes('lock')) : [];
}

for (const file of ['/dist/primary.js', '/dist/journal/replay.js']) {
  test(`a gateway that gets SIGTERM while loading ${file} exits with 0`, () => {
    const settings = { NODE_OPTIONS: `--import=${PRELOAD}`, SIGNAL_AT: file };
    return withChild('dist/gateway.js', settings, async (child, directory) => {
      assert.equal(await endsSoon(child), EXITED);
      assert.equal(locksIn(directory), []);
    });
  });
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`a gateway that gets ${signal} during the warm-up exits at once and leaves no lock`, () =>
    withChild('dist/gateway.js', { WARM_UP_PAYMENTS: '100000' }, async (child, directory) => {
      const journal = join(directory, 'journal');
      await until('it warms up', START_MS, () => existsSync(join(journal, 'warm-up-0')));
      child.send(signal);
      assert.equal(await endsSoon(child), EXITED);
      assert.match(child.lines.at(-1) ?? '', `"signal":"${signal}","msg":"stopped before listening"`);
      assert.equal(locksIn(directory), []);
    }));
}

test('a gateway that waits for Redis exits on SIGTERM', () =>
  withChild('dist/gateway.js', { LEDGER_URL: 'redis://127.0.0.1:1' }, async (child) => {
    await until('it waits', START_MS, () => child.output.includes('"waiting for the ledger in LEDGER_URL"'));
    child.send('SIGTERM');
    assert.equal(await endsSoon(child), EXITED);
    assert.match(child.lines.at(-1) ?? '', '"outcome":"drained"');
  }));

const HANG = { kind: 'hang', rate: 1, delayMs: LONG_MS } as const;

/** Uses a gateway with a call in flight that takes longer than the test. */
async function withCall(program: string, use: (child: Child) => Promise<void>): Promise<void> {
  const settings = { STOP_TIMEOUT_MS: String(LONG_MS), LOG_LEVEL: 'info' };
  const shape: Shape = { ledger: 'lmdb', gatewayCount: 1, program, settings };
  await Deployment.run(shape, async ({ gateways: [gateway], processors }) => {
    assert.ok(gateway);
    for (const processor of processors) await processor.setFault(HANG);
    const correlationId = crypto.randomUUID();
    const posted = await exchangeKept('POST', `${gateway.url}/payments`, {
      body: JSON.stringify({ correlationId, amount: 1 }),
      headers: { 'Content-Type': 'application/json' },
    });
    assert.is(posted.status, 202);
    await until('the call is in flight', START_MS, async () => {
      const { body } = await exchangeKept('GET', `${gateway.url}/payments/${correlationId}`);
      return body.includes('dispatched');
    });
    await use(gateway.child);
  });
}

for (const [program, signals] of [
  ['dist/gateway.js', ['SIGTERM', 'SIGTERM']],
  ['dist/gateway.js', ['SIGTERM', 'SIGHUP']],
  ['dist/start.js', ['SIGINT', 'SIGINT']],
  ['dist/start.js', ['SIGTERM', 'SIGTERM']],
] as const) {
  test(`${signals.join(' and ')} together count once for ${program}; a later one counts again`, () =>
    withCall(program, async (child) => {
      const send = (signal: NodeJS.Signals) =>
        program === 'dist/start.js' ? child.sendToAll(signal) : child.send(signal);
      const [first, again] = signals;
      send(first);
      await until('it is stopping', START_MS, () => child.output.includes('"stopping"'));
      send(again);
      await pause(INSIST_AFTER_MS);
      assert.ok(child.running, 'it waits for the call');
      send(first);
      const ended = await endsSoon(child);
      const code = 128 + constants.signals[first];
      assert.equal(
        ended,
        program === 'dist/start.js' ? { code, signal: null } : { code: null, signal: first },
      );
    }));
}

test.run();
