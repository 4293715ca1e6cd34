import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Books, Row } from '../../src/simulated/books.ts';
import { openBooks } from '../../src/simulated/books-file.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const LINE_BYTES = 73;

function row(number: number, amountCents = 1990, requestedAtMs = 1_752_580_800_000 + number): Row {
  const correlationId = `4a7901b8-7d26-4d9d-aa19-${String(number).padStart(12, '0')}`;
  return { correlationId, amountCents, requestedAtMs };
}

function open(path: string, complaints: string[] = []): Books {
  const opened = openBooks(path, (reason) => complaints.push(reason));
  if (opened.kind === 'failed') throw new Error(opened.reason);
  return opened.books;
}

function reasonAgainst(path: string): string {
  const opened = openBooks(path, () => {});
  return opened.kind === 'failed' ? opened.reason : '';
}

test('inserted payments survive a reopening, in order, and are still known', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  const rows = [row(2), row(1, 9_007_199_254_740_991, -62_135_596_800_000), row(3, -1, 8.64e15)];
  const before = open(path);
  for (const each of rows) assert.is(before.insert(each), 'inserted');
  const after = open(path);
  assert.equal(after.page(0, 10), rows);
  assert.equal(after.sum(-Infinity, Infinity), before.sum(-Infinity, Infinity));
  assert.is(after.insert(row(1)), 'known');
  assert.is(after.insert(row(4)), 'inserted');
  assert.is(open(path).count, 4);
});

test('reads files larger than one chunk', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  const count = 16_384 * 2 + 1;
  open(path);
  const line = (number: number) => {
    const { correlationId, amountCents, requestedAtMs } = row(number);
    return `${correlationId} ${String(amountCents).padStart(17)} ${String(requestedAtMs).padStart(17)}\n`;
  };
  writeFileSync(path, Array.from({ length: count }, (_, number) => line(number)).join(''));
  const books = open(path);
  assert.is(books.count, count);
  assert.equal(books.find(row(count - 1).correlationId), row(count - 1));
});

test('a purge empties the file', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  const books = open(path);
  books.insert(row(1));
  assert.ok(books.clear());
  assert.is(statSync(path).size, 0);
  books.insert(row(2));
  assert.equal(open(path).page(0, 10), [row(2)]);
});

test('a truncated line is overwritten by the next one', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  const books = open(path);
  books.insert(row(1));
  books.insert(row(2));
  const whole = readFileSync(path);
  for (let length = LINE_BYTES; length < 2 * LINE_BYTES; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const again = open(path);
    assert.equal(again.page(0, 10), [row(1)], `${length}`);
    assert.is(again.insert(row(3)), 'inserted');
    assert.equal(open(path).page(0, 10), [row(1), row(3)], `${length}`);
  }
});

test('refuses a file with other contents, and leaves it unchanged', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  open(path).insert(row(1));
  const line = readFileSync(path, 'latin1');
  const damaged: [what: string, bytes: string, at: RegExp][] = [
    ['text', 'root:x:0:0:root:/root:/bin/bash\n', /line 1 is damaged, or the file is of another kind/],
    ['a few bytes', 'host', /line 1/],
    ['zeros', '\0'.repeat(4096), /line 1/],
    ['a hole', `${line}${'\0'.repeat(LINE_BYTES)}${line}`, /line 2/],
    ['a line too short', line.slice(1), /line 1/],
    ['a digit too many', `${line}${row(2).correlationId} ${'9'.repeat(17)} ${'1'.padStart(17)}\n`, /line 2/],
    ['a payment twice', `${line}${line}`, /a payment appears twice/],
  ];
  for (const [what, bytes, reason] of damaged) {
    writeFileSync(path, bytes);
    assert.match(reasonAgainst(path), reason, what);
    assert.is(readFileSync(path, 'latin1'), bytes, what);
  }
});

test('refuses anything but a regular file, without blocking', () => {
  assert.match(reasonAgainst(tmpdir()), /not a regular file/);
  assert.match(reasonAgainst('/dev/zero'), /not a regular file/);
  assert.match(reasonAgainst('/dev/null/books'), /EEXIST|ENOTDIR/);
});

test('notices a second writer, complains once, and changes nothing', () => {
  const path = join(temporaryDirectory(), 'deeper', 'default.books');
  const complaints: string[] = [];
  const [one, other] = [open(path, complaints), open(path)];
  other.insert(row(1));
  assert.is(one.insert(row(2)), 'unwritten');
  assert.is(one.insert(row(3)), 'unwritten');
  assert.equal(complaints, ['another process has changed the file']);
  assert.is(one.count, 0);
  assert.equal(open(path).page(0, 10), [row(1)]);
  truncateSync(path, 0);
  assert.is(one.insert(row(3)), 'inserted');
  appendFileSync(path, 'x'.repeat(LINE_BYTES));
  assert.is(one.insert(row(4)), 'unwritten');
  assert.is(complaints.length, 2);
});

test.run();
