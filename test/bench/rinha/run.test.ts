import { createServer } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Result, run } from '../../../bench/rinha/run.ts';
import { preview, type Scenario } from '../../../bench/rinha/scenario.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { listenLocally } from '../../listen-locally.ts';
import { ADMIN_TOKEN, serveSimulated } from '../../simulated/serve-simulated.ts';

/** Five users, a third of a second, short stages. */
const moment: Scenario = {
  ...preview,
  durationMs: 300,
  usersFrom: 2,
  usersTo: 5,
  sleepMs: 40,
  stages: [
    { atMs: 0, default: { delayMs: 1, failing: false }, fallback: { delayMs: 0, failing: false } },
    { atMs: 100, default: { delayMs: 0, failing: true }, fallback: { delayMs: 7, failing: false } },
  ],
  books: { intervalMs: 100, fromAgoMs: 15_000, toAgoMs: 0, error: 'gross' },
};

interface Backend {
  readonly url: string;
  /** Method, path and body of every request, without windows. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A backend that accepts everything, settles nothing, and claims to have settled `claimed` at each processor. */
async function backend(claimed: number): Promise<Backend> {
  const totals = { totalRequests: claimed, totalAmount: claimed };
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      asked.push(`${request.method} ${request.url?.split('?')[0]} ${body}`);
      response.statusCode = request.url === '/payments' ? 202 : 200;
      response.end(request.method === 'GET' ? JSON.stringify({ default: totals, fallback: totals }) : '');
    });
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${await listenLocally(server)}`, asked, close };
}

async function played(claimed: number): Promise<{ result: Result; asked: string[]; seconds: number }> {
  const [atDefault, atFallback, at] = await Promise.all([
    serveSimulated(5n),
    serveSimulated(15n),
    backend(claimed),
  ]);
  let id = 0;
  let seconds = 0;
  const result = await run({
    site: 'here',
    entry: 'gateway',
    scenario: moment,
    deployment: { target: at.url, usage: () => [], audit: async () => null, close: async () => undefined },
    processors: { default: atDefault.url, fallback: atFallback.url },
    token: ADMIN_TOKEN,
    clock: systemClock,
    newId: () => `4a7901b8-7d26-4d9d-aa19-${String(id++).padStart(12, '0')}`,
    onSecond: () => {
      seconds += 1;
    },
  });
  atDefault.close();
  atFallback.close();
  await at.close();
  return { result, asked: at.asked, seconds };
}

test('a run purges, posts, checks and counts, and reports the lag', async () => {
  const { result, asked, seconds } = await played(0);
  const posts = asked.filter((line) => line.startsWith('POST /payments '));
  assert.is(asked[0], 'POST /purge-payments ');
  assert.ok(posts.length >= 5);
  assert.is(new Set(posts).size, posts.length);
  assert.match(posts[0] ?? '', /^POST \/payments {"correlationId":"[-0-9a-f]{36}","amount":19.9}$/);
  assert.is(result.acceptedCount, posts.length);
  assert.is(result.failedCount, 0);
  assert.is(result.score.lagCount, posts.length);
  assert.is(result.score.fine, 0);
  assert.equal(result.fees, { default: 0.05, fallback: 0.15 });
  assert.ok(result.checks.length >= 1);
  assert.ok(result.checks.every((check) => check.answered));
  assert.ok(seconds >= 1);
  assert.is(result.seconds.length, seconds);
});

test("all calls except the observer's count in the latencies", async () => {
  const { result } = await played(0);
  // Tokens, purges; two delays and two failures per stage; three summaries per check and three for the totals.
  const administrative = 2 + 2 + 1 + 2 * 4 + 3 * (result.checks.length + 1);
  assert.is(result.latencies.count, result.acceptedCount + administrative);
});

test('claimed payments unknown to the processors are fined and disqualify', async () => {
  const { result } = await played(1_000);
  assert.is(result.checks[0]?.errorCount, 2_000);
  assert.is(result.score.fine, 0.35);
  assert.is(result.score.disqualified, true);
});

test('a processor that cannot be configured stops the run', async () => {
  const at = await backend(0);
  try {
    await run({
      site: 'here',
      entry: 'gateway',
      scenario: moment,
      deployment: { target: at.url, usage: () => [], audit: async () => null, close: async () => undefined },
      processors: { default: 'http://127.0.0.1:1', fallback: 'http://127.0.0.1:1' },
      token: ADMIN_TOKEN,
      clock: systemClock,
      newId: () => '',
      onSecond: () => undefined,
    });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'failed: no answer');
  } finally {
    await at.close();
  }
});

test.run();
