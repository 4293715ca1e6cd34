import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from '../../src/core/log.ts';
import type { LogLevel } from '../../src/core/log-level.ts';

function linesOf(level: LogLevel): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = createLogger(level, { instance: 'gateway-1' }, { write: (line) => lines.push(line) });
  log.debug({}, 'one');
  log.info({ count: 2 }, 'two');
  log.warn({}, 'three');
  log.error({ err: new Error('broken') }, 'four');
  return lines.map((line) => JSON.parse(line));
}

test('lines are JSON with level, time, bindings, fields and message', () => {
  const [first, ...others] = linesOf('info');
  const { time, ...rest } = first ?? {};
  assert.equal(rest, { level: 'info', instance: 'gateway-1', count: 2, msg: 'two' });
  assert.is(new Date(String(time)).toISOString(), time);
  assert.equal(
    others.map((line) => line['msg']),
    ['three', 'four'],
  );
  const error = others[1]?.['err'];
  assert.is(error instanceof Object && 'message' in error && error.message, 'broken');
});

test('lines below the level are omitted', () => {
  assert.is(linesOf('debug').length, 4);
  assert.is(linesOf('error').length, 1);
  assert.is(linesOf('silent').length, 0);
});

/** Runs a process that logs, and returns its output and how it ended. */
function saidBy(lineCount: number, end: string): string[] {
  const script = `
    import { createLogger } from ${JSON.stringify(new URL('../../src/core/log.ts', import.meta.url).href)};
    const log = createLogger('info', {});
    for (let index = 0; index < ${lineCount}; index++) log.info({ index }, 'said');
    ${end}
  `;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return stdout.trimEnd().split('\n');
}

test('without a terminal, standard output gets JSON, and loses nothing that fits at an abrupt end', () => {
  const lines = saidBy(100, "process.kill(process.pid, 'SIGKILL');");
  assert.is(lines.length, 100);
  assert.is(JSON.parse(lines.at(-1) ?? '').index, 99);
});

test('a normal exit waits for a reader that is slower than the log', () => {
  const lines = saidBy(2500, 'process.exit(1);');
  assert.is(lines.length, 2500);
  assert.is(JSON.parse(lines.at(-1) ?? '').index, 2499);
});

test.run();
