import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProgressLine } from '../../src/audit/progress.ts';
import { ManualClock } from '../manual-clock.ts';

function start(isTerminal: boolean) {
  const clock = new ManualClock();
  const written: string[] = [];
  const line = new ProgressLine(
    { clock, isTerminal, write: (text) => written.push(text) },
    { phase: 'totals', done: 0, of: null },
  );
  return { clock, written, line };
}

test('a short audit reports no progress', () => {
  for (const isTerminal of [true, false]) {
    const { clock, written, line } = start(isTerminal);
    clock.pass(1999);
    line.stop();
    clock.pass(60_000);
    assert.equal(written, []);
    assert.is(clock.pending, 0);
  }
});

test('on a terminal it updates one line, and clears it at the end', () => {
  const { clock, written, line } = start(true);
  clock.pass(2000);
  line.update({ phase: 'lookups', done: 12, of: 737 });
  clock.pass(500);
  line.stop();
  assert.equal(written, [
    '\r\u001b[Kaudit: comparing totals, calls made (2 s)',
    '\r\u001b[Kaudit: looking up payments at the processors: 12 of 737 (2 s)',
    '\r\u001b[K',
  ]);
});

test('elsewhere it writes a line every ten seconds', () => {
  const { clock, written, line } = start(false);
  line.update({ phase: 'books', done: 3400, of: null });
  clock.pass(2000);
  line.update({ phase: 'again', done: 0, of: 9 });
  clock.pass(21_000);
  line.stop();
  assert.equal(written, [
    'audit: reading our books, payments read: 3400 (2 s)\n',
    'audit: checking differences again: 0 of 9 (12 s)\n',
    'audit: checking differences again: 0 of 9 (22 s)\n',
  ]);
});

test.run();
