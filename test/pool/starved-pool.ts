import { stat } from 'node:fs/promises';
import { systemClock } from '../../src/core/clock.ts';
import { Pool } from '../../src/pool/pool.ts';
import { KeptLog } from '../kept-log.ts';
import { takeAllThreads } from '../starved.ts';
import { until } from '../system/until.ts';
import type { MortalTask } from './mortal-worker.ts';

// A program that takes all threads that it may have, starts a pool, and gives the threads back. It prints what was
// logged and how often the thread of the pool has lived.
const WITHIN_MS = 20_000;

await stat('/');
const fillers = takeAllThreads();
const lives = new SharedArrayBuffer(8);
const words = new Int32Array(lives);
const log = new KeptLog();
const pool = new Pool({
  onSetupError: () => {},
  cutOff: () => {},
  threadCount: 1,
  taskOf: (thread): MortalTask => ({ thread, deaths: [], lives }),
  onDeath: () => {},
  clock: systemClock,
  log,
  file: new URL('./mortal-worker.ts', import.meta.url),
});
pool.start();
await until('the lack is logged', WITHIN_MS, () => log.lines.length > 0);
await Promise.all(fillers.map((filler) => filler.terminate()));
await until('the thread lives', WITHIN_MS, () => words[0] === 1);
Atomics.store(words, 1, 1);
const outcome = await pool.stop(WITHIN_MS);
console.log(JSON.stringify({ fillerCount: fillers.length, lines: log.lines, lives: words[0], outcome }));
process.exit();
