import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dinossauro } from '../cli/dinossauro.ts';
import { exchangeKept } from '../contract/kept.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { listenLocally } from '../listen-locally.ts';
import { Random } from '../sim/random.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Books } from './books.ts';
import { Child } from './child.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { freePort, isFree } from './port.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { RATE_PER_S, SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const START_MS = 20_000;
/** The ports of the simulated processors of `npm start`. */
const SIMULATED_PORTS = [8001, 8002];
/** How long to wait for these ports, which another `npm start` may be using. */
const PORTS_MS = 60_000;

const GOOD = {
  PAYMENT_PROCESSOR_URL_DEFAULT: 'http://127.0.0.1:1',
  PAYMENT_PROCESSOR_URL_FALLBACK: 'http://127.0.0.1:2',
};

/** Runs a process that should exit soon by itself, in a directory of its own. */
async function ending(program: string, environment: Readonly<Record<string, string>>) {
  const child = new Child(program, environment, { directory: temporaryDirectory() });
  const overdue = setTimeout(() => void child.kill(), START_MS);
  const { code } = await child.ended;
  clearTimeout(overdue);
  return { code, lines: child.lines };
}

function refuses(
  what: string,
  program: string,
  wrong: Readonly<Record<string, string>>,
  lines: RegExp[],
): void {
  test(`${program} refuses ${what}, with one line each`, async () => {
    const ended = await ending(program, { ...GOOD, ...wrong });
    assert.is(ended.code, 1);
    assert.is(ended.lines.length, lines.length, ended.lines.join('\n'));
    for (const [index, line] of lines.entries()) assert.match(ended.lines[index] ?? '', line);
  });
}

for (const program of ['dist/gateway.js', 'dist/start.js']) {
  refuses('wrong settings', program, { POOL_THREADS: '0', LEDGER_URL: 'ftp://books', LISTEN: 'nowhere' }, [
    /^dinossauro: LISTEN=nowhere is invalid: expected /,
    /^dinossauro: LEDGER_URL=ftp:\/\/books is invalid: expected /,
    /^dinossauro: POOL_THREADS=0 is out of range: expected a whole number from 1 to 16\.$/,
  ]);
  refuses('contradictory settings', program, { BACKOFF_BASE_MS: '500', BACKOFF_MAX_MS: '100' }, [
    /^dinossauro: BACKOFF_BASE_MS=500 is invalid: expected at most BACKOFF_MAX_MS, which is 100\.$/,
  ]);
}
const stray = { LISTEN: 'x', PORT: '80', POOL_THREAD: '2' };
refuses('an invalid setting, and names an unknown variable', 'dist/primary.js', stray, [
  /^dinossauro: LISTEN=x is invalid: /,
  /^dinossauro: POOL_THREAD is not a setting; did you mean POOL_THREADS\?$/,
]);

test('a gateway that starts has warned about unknown variables', async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const directory = temporaryDirectory();
  const strays = { PROCESSOR_TIMEOUT: '5', REDIS_URL: 'redis://x' };
  const environment = { ...GOOD, ...strays, LISTEN: listen, WARM_UP_PAYMENTS: '0' };
  const child = new Child('dist/primary.js', environment, { directory });
  for (const words of ['did you mean PROCESSOR_TIMEOUT_MS?', 'set LEDGER_URL=redis://host:port.']) {
    const isWarning = (line: string) => line.includes('"level":"warn"') && line.includes(words);
    await until(words, START_MS, () => child.lines.some(isWarning));
  }
  await child.kill();
});

const none = { PAYMENT_PROCESSOR_URL_DEFAULT: '', PAYMENT_PROCESSOR_URL_FALLBACK: '' };
refuses('to run without a processor', 'dist/gateway.js', none, [/^dinossauro: No processor: /]);

for (const threads of ['1', '2']) {
  const environment = { ...GOOD, HTTP_THREADS: threads, WARM_UP_PAYMENTS: '0' };
  test(`a ledger that cannot be opened ends the start with one line: ${threads} HTTP threads`, async () => {
    const directory = temporaryDirectory();
    const path = (name: string) => join(directory, name);
    mkdirSync(path('zeros'));
    writeFileSync(path('zeros/data.mdb'), Buffer.alloc(2 ** 20));
    mkdirSync(path('locked/lock.mdb'), { recursive: true });
    const wrong: readonly [string, RegExp][] = [
      [path('zeros'), /data\.mdb is not an LMDB data file; restore it from a backup, or move it away/],
      [path('zeros/data.mdb/ledger'), /: ENOTDIR: not a directory/],
      [path('locked'), /lock\.mdb is not a regular file; move it away/],
    ];
    for (const [ledger, reason] of wrong) {
      const { code, lines } = await ending('dist/primary.js', {
        ...environment,
        LISTEN: `127.0.0.1:${await freePort()}`,
        LEDGER_URL: `lmdb:${ledger}`,
      });
      assert.is(code, 1);
      assert.is(lines.length, 1, lines.join('\n'));
      assert.ok(lines[0]?.startsWith(`dinossauro: LEDGER_URL=lmdb:${ledger}: `));
      assert.match(lines[0] ?? '', reason);
    }
  });
}

const ONE = { ledger: 'lmdb', gatewayCount: 1 } as const;

test('two gateways cannot use one journal', () =>
  Deployment.run(ONE, async ({ gateways: [gateway] }) => {
    assert.ok(gateway);
    const settings = { ...gateway.environment, LISTEN: `127.0.0.1:${await freePort()}` };
    const { code, lines } = await ending('dist/gateway.js', settings);
    assert.is(code, 1);
    assert.is(lines.length, 1, lines.join('\n'));
    assert.match(lines[0] ?? '', /^dinossauro: JOURNAL_DIR=.*is in use by another process/);
    assert.is((await exchangeKept('GET', `${gateway.url}/readyz`)).status, 200);
  }));

for (const threads of ['1', '2']) {
  test(`two gateways cannot use one port: ${threads} HTTP threads`, () =>
    Deployment.run(ONE, async ({ gateways: [gateway] }) => {
      assert.ok(gateway);
      const { JOURNAL_DIR: _, ...shared } = gateway.environment;
      const settings = { ...shared, INSTANCE_ID: 'other', HTTP_THREADS: threads, LOG_LEVEL: 'warn' };
      const { code, lines } = await ending('dist/gateway.js', settings);
      assert.is(code, 1);
      assert.is(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', /^dinossauro: LISTEN: /);
      assert.is((await exchangeKept('GET', `${gateway.url}/readyz`)).status, 200);
    }));
}

test('`npm start` at an address used by a silent process prints one line', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  const port = await listenLocally(silent);
  const { code, lines } = await ending('dist/start.js', { ...GOOD, LISTEN: `127.0.0.1:${port}` });
  silent.close();
  assert.is(code, 1);
  assert.is(lines.length, 1, lines.join('\n'));
  assert.match(
    lines[0] ?? '',
    /^dinossauro: LISTEN: cannot listen on .*already in use by process \d+ \(.+\) .*; choose another address/,
  );
});

test('`npm start` says what it waits for', async () => {
  const directory = temporaryDirectory();
  const redis = await RedisServer.prepare();
  const settings = { ...GOOD, LISTEN: `127.0.0.1:${await freePort()}`, LEDGER_URL: redis.url };
  const child = new Child('dist/start.js', settings, { directory });
  await until('it prints so', START_MS, () =>
    /^dinossauro: not ready yet: .*ECONNREFUSED/m.test(child.output),
  );
  await redis.start();
  await until('it is ready', START_MS, () => child.output.includes('curl -i'));
  child.send('SIGTERM');
  assert.equal(await child.ended, { code: 0, signal: null });
  await redis.stop();
});

test('a gateway starts without Redis, accepts payments, and settles them once Redis is up', async () => {
  const redis = await RedisServer.prepare();
  try {
    const url = `http://127.0.0.1:${await freePort()}`;
    const ports = [await freePort(), await freePort()] as const;
    const [cheap, dear] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, string];
    const books = new Books(
      [url],
      [new ProcessorAdmin('default', cheap), new ProcessorAdmin('fallback', dear)],
    );
    const children = [
      ...ports.map((port) => new Child('dist/simulated/main.js', { LISTEN: `127.0.0.1:${port}` })),
      new Child('dist/gateway.js', {
        LISTEN: url.slice('http://'.length),
        LEDGER_URL: redis.url,
        JOURNAL_DIR: temporaryDirectory(),
        PAYMENT_PROCESSOR_URL_DEFAULT: cheap,
        PAYMENT_PROCESSOR_URL_FALLBACK: dear,
      }),
    ];
    try {
      const statusOf = async (path: string) => (await exchangeKept('GET', `${url}${path}`)).status;
      await until('the gateway is live', START_MS, async () => (await statusOf('/livez')) === 200);
      assert.is(await statusOf('/readyz'), 503);
      assert.is(await statusOf('/payments-summary'), 503);
      const load = new Load({ urls: [url], payments: 100, ratePerS: RATE_PER_S, random: new Random(6) });
      await load.run();
      assert.is(load.accepted.length, 100);
      await redis.start();
      await until('the gateway is ready', SETTLE_MS, async () => (await statusOf('/readyz')) === 200);
      await books.untilSettled(100, SETTLE_MS);
      assert.equal(await books.faults(load.payments), []);
    } finally {
      for (const child of children) child.send('SIGTERM');
      await Promise.all(children.map((child) => child.ended));
    }
  } finally {
    await redis.stop();
  }
});

test('`npm start` with only a port starts two processors and a gateway, and prints a command to try', async () => {
  const directory = temporaryDirectory();
  const portsFree = async () => (await Promise.all(SIMULATED_PORTS.map(isFree))).every(Boolean);
  await until('ports 8001 and 8002 are free', PORTS_MS, portsFree);
  const listen = `127.0.0.1:${await freePort()}`;
  const start = async () => {
    const started = new Child('dist/start.js', { LISTEN: listen }, { directory, isTerminal: true });
    await until('it prints how to try it', START_MS, () => started.output.includes('curl -i')).catch(
      async (error: unknown) => {
        await started.kill();
        throw error;
      },
    );
    return started;
  };
  let child = await start();
  try {
    assert.match(child.output, /default +http:\/\/127\.0\.0\.1:8001 .*fee 0\.05/);
    assert.match(child.output, /fallback +http:\/\/127\.0\.0\.1:8002 .*fee 0\.15/);
    assert.ok(child.output.includes(`http://${listen}  ledger lmdb`));
    assert.ok(child.output.includes(`Open http://${listen}/dashboard`));
    const page = await exchangeKept('GET', `http://${listen}/dashboard`);
    assert.is(page.status, 200);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(
      policy,
      /connect-src 'self' http:\/\/127\.0\.0\.1:\d+;/,
      'the page may control the processors',
    );
    const [defaultUrl, fallbackUrl] = SIMULATED_PORTS.map((port) => `http://127.0.0.1:${port}`) as [
      string,
      string,
    ];
    const url = `http://${listen}`;
    const processors = [
      new ProcessorAdmin('default', defaultUrl),
      new ProcessorAdmin('fallback', fallbackUrl),
    ];
    const books = new Books([url], processors);
    const load = new Load({ urls: [url], payments: 100, ratePerS: RATE_PER_S, random: new Random(7) });
    await load.run();
    assert.is(load.accepted.length, 100);
    await books.untilSettled(100, SETTLE_MS);
    const agrees = async () => {
      const { code, out, err } = await dinossauro(['audit'], { directory });
      assert.is(code, 0, out + err);
      assert.match(out, /default: [1-9]/);
    };
    await agrees();
    // The processors remember their charges, whether stopped or killed.
    await child.kill();
    child = await start();
    await agrees();
    assert.is((await exchangeKept('POST', `${url}/purge-payments`)).status, 200);
    child.sendToAll('SIGINT');
    assert.equal(await child.ended, { code: 0, signal: null });
    assert.ok(await portsFree());
  } catch (error) {
    console.error(child.output);
    throw error;
  } finally {
    await child.kill();
  }
});

test.run();
