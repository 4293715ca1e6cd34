import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { Pool } from '../../src/pool/pool.ts';
import { KeptLog } from '../kept-log.ts';
import { asRoot, runStarved } from '../starved.ts';
import { until } from '../system/until.ts';
import type { MortalTask } from './mortal-worker.ts';

const FILE = new URL('./mortal-worker.ts', import.meta.url);
const DEADLINE_MS = 20_000;
const AMPLE_MS = 20_000;

function setUp(deaths: readonly MortalTask['deaths'][], clock = systemClock) {
  const lives = new SharedArrayBuffer(4 * (deaths.length + 1));
  const words = new Int32Array(lives);
  const died: number[] = [];
  const setupErrors: string[] = [];
  const log = new KeptLog();
  const pool = new Pool({
    threadCount: deaths.length,
    taskOf: (thread): MortalTask => ({ thread, deaths: deaths[thread] ?? [], lives }),
    onDeath: (thread) => died.push(thread),
    onSetupError: (reason) => setupErrors.push(reason),
    cutOff: () => {},
    clock,
    log,
    file: FILE,
  });
  return { words, died, setupErrors, log, pool, sayStop: () => Atomics.store(words, deaths.length, 1) };
}

test('every thread runs its task, and a stop waits for all of them', async () => {
  const { words, died, pool, sayStop } = setUp([[], [], []]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => words.subarray(0, 3).every((lives) => lives === 1));
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
  assert.equal([...words], [1, 1, 1, 1]);
  assert.equal(died, []);
});

test('a thread that dies in any way is replaced under the same number; the others continue', async () => {
  const { words, died, log, pool, sayStop } = setUp([['error', 'exit', 'rejection'], []]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => words[0] === 4 && words[1] === 1);
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
  assert.equal([...words], [4, 1, 1]);
  assert.equal(died, [0, 0, 0]);
  assert.equal(
    log.lines,
    Array.from({ length: 3 }, () => 'error pool thread died; starting a replacement'),
  );
});

const DEATHS = Array.from({ length: 5 }, () => 'error' as const);

/** A clock whose timers end at once, until every death is replaced, and on which a life lasts `lifeMs`. */
function hasty(lifeMs: number, delaysMs: number[]): Clock {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => {
      nowMs += lifeMs;
      return nowMs;
    },
    after: (delayMs, run) => {
      if (delaysMs.length === DEATHS.length) return systemClock.after(delayMs, run);
      delaysMs.push(delayMs);
      return systemClock.after(1, run);
    },
  };
}

async function delaysBetween(lifeMs: number): Promise<readonly number[]> {
  const delaysMs: number[] = [];
  const { words, pool, sayStop } = setUp([DEATHS], hasty(lifeMs, delaysMs));
  pool.start();
  await until('it lives on', DEADLINE_MS, () => words[0] === DEATHS.length + 1);
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
  return delaysMs;
}

test('a thread that dies at every start is replaced ever later', async () => {
  const delaysMs = await delaysBetween(1);
  for (const [index, delayMs] of delaysMs.entries()) {
    const longestMs = 100 * 2 ** index;
    assert.ok(delayMs >= longestMs / 2 && delayMs <= longestMs, `${delayMs} ms of at most ${longestMs} ms`);
  }
  assert.is(delaysMs.length, DEATHS.length);
});

test('a thread that dies after it has worked for a while is replaced soon', async () => {
  const delaysMs = await delaysBetween(10_000);
  assert.ok(
    delaysMs.length === DEATHS.length && delaysMs.every((delayMs) => delayMs <= 100),
    String(delaysMs),
  );
});

test('a thread that cannot work as configured is reported and not replaced', async () => {
  const { words, died, setupErrors, pool, sayStop } = setUp([['setup'], []]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => setupErrors.length > 0 && words[1] === 1);
  assert.equal(setupErrors, ['processor `one`: no']);
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
  assert.equal([words[0], died], [1, []]);
});

test('several threads that die at once are all replaced', async () => {
  const { words, died, pool, sayStop } = setUp([['exit'], ['error'], ['exit']]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => words.subarray(0, 3).every((lives) => lives === 2));
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
  assert.equal(died.sort(), [0, 1, 2]);
});

test('a stop terminates threads that neither finish in time nor end when they are cut off', async () => {
  const { words, died, log, pool } = setUp([[], []]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => words[0] === 1 && words[1] === 1);
  assert.is(await pool.stop(20), 'cut off');
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.equal([...words], [1, 1, 0], 'no thread replaces it');
  assert.equal(died, []);
  assert.equal(log.lines, []);
});

test('a stop also works while a dead thread is being replaced', async () => {
  const { died, pool, sayStop } = setUp([['exit']]);
  pool.start();
  await until('it comes about', DEADLINE_MS, () => died.length === 1);
  sayStop();
  assert.is(await pool.stop(AMPLE_MS), 'drained');
});

asRoot('a thread that cannot be started is logged in one line, and started once that is possible', () => {
  const { stdout, stderr } = runStarved(new URL('./starved-pool.ts', import.meta.url));
  assert.match(stdout, /^\{/, stderr);
  const { fillerCount, lines, lives, outcome } = JSON.parse(stdout);
  assert.ok(fillerCount > 0);
  assert.equal(lines, [
    'warn cannot start a pool thread: this machine is out of threads or memory',
    'info pool threads can be started again',
  ]);
  assert.equal([lives, outcome], [1, 'drained']);
});

test.run();
