import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';

/** A user that owns no other process, not even one that another test runs at the same time. */
const USER = String(20_000 + (process.pid % 20_000));
const THREAD_LIMIT = 24;

/** For tests with `runStarved`: the thread limit does not apply to root, and only root can switch to another user. */
export const asRoot = process.getuid?.() === 0 ? test : test.skip;

/** Runs a program as a user who can have few threads. */
export function runStarved(program: URL, environment: Readonly<Record<string, string>> = {}) {
  const limits = ['--reuid', USER, '--clear-groups', 'prlimit', `--nproc=${THREAD_LIMIT}:${THREAD_LIMIT}`];
  return spawnSync('setpriv', [...limits, process.execPath, fileURLToPath(program)], {
    encoding: 'utf8',
    // That user cannot write into the folder of the coverage.
    env: { PATH: process.env['PATH'], HOME: '/tmp', NODE_V8_COVERAGE: '', ...environment },
  });
}

/** Starts threads until this machine refuses one. Terminate them to give them back. */
export function takeAllThreads(): Worker[] {
  const workers: Worker[] = [];
  try {
    for (;;) workers.push(new Worker('setTimeout(() => {}, 60_000)', { eval: true }));
  } catch {
    return workers;
  }
}
