import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { dataFileFault } from '../../../src/ledger/lmdb/data-file.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';
import { must } from '../samples.ts';
import { writtenId } from './lmdb-writer.ts';

const PAGE_BYTES_AT = 48;
const LAST_PAGE_AT = 144;
const PAYMENTS = 4000;

interface Context {
  directory: string;
  file: string;
}

const test = suite<Context>('data.mdb');

test.before.each((context) => {
  context.directory = temporaryDirectory();
  context.file = join(context.directory, 'data.mdb');
});

/** A ledger of several hundred pages. */
async function fill(path: string): Promise<void> {
  const ledger = await LmdbLedger.open(path, { processorNames: ['default'], clock: systemClock });
  const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 0));
  for (let first = 0; first < PAYMENTS; first += 250) {
    const claims = Array.from({ length: 250 }, (_, index) => ({
      correlationId: writtenId(1, first + index),
      amountCents: 5,
      acceptedAtMs: 0,
      processor: 0,
      requestedAtMs: 0,
    }));
    await must(ledger.commit(owner, [], claims));
  }
  await ledger.close();
}

test('accepts a ledger that LMDB created, and an empty file', async ({ directory, file }) => {
  writeFileSync(file, '');
  assert.is(dataFileFault(file), null);
  await fill(directory);
  assert.is(dataFileFault(file), null);
});

test('rejects a file that is not from LMDB', ({ file }) => {
  writeFileSync(file, Buffer.alloc(2 ** 20));
  assert.is(dataFileFault(file), 'is not an LMDB data file');
  writeFileSync(file, randomBytes(100_000));
  assert.is(dataFileFault(file), 'is not an LMDB data file');
  writeFileSync(file, 'x');
  assert.is(dataFileFault(file), 'is too short for an LMDB data file');
});

test('rejects damaged meta pages', async ({ directory, file }) => {
  await fill(directory);
  const whole = readFileSync(file);
  const pageBytes = whole.readUInt32LE(PAGE_BYTES_AT);
  const damages: readonly [RegExp, (bytes: Buffer) => void][] = [
    [/its meta page has impossible values/, (bytes) => bytes.writeUInt32LE(3, PAGE_BYTES_AT)],
    [/its meta page has impossible values/, (bytes) => bytes.writeUInt32LE(1 << 20, PAGE_BYTES_AT)],
    [/its meta page has impossible values/, (bytes) => bytes.writeUInt16LE(99, PAGE_BYTES_AT + 6)],
    [/its meta page has impossible values/, (bytes) => bytes.writeBigUInt64LE(1n, LAST_PAGE_AT)],
    [/its second meta page is invalid/, (bytes) => bytes.fill(0, pageBytes, pageBytes + 200)],
    [/data format 7/, (bytes) => bytes.writeUInt16LE(7, 28)],
  ];
  for (const [fault, damage] of damages) {
    const bytes = Buffer.from(whole);
    damage(bytes);
    writeFileSync(file, bytes);
    assert.match(dataFileFault(file) ?? 'none', fault);
  }
});

test('rejects a file that is truncated anywhere', async ({ directory, file }) => {
  await fill(directory);
  const whole = statSync(file).size;
  for (const share of [0.95, 0.5, 0.1]) {
    truncateSync(file, Math.floor(whole * share));
    assert.match(dataFileFault(file) ?? 'none', /^is truncated: it has \d+ pages and needs up to \d+/);
  }
  truncateSync(file, 4096);
  assert.is(dataFileFault(file), 'is too short for an LMDB data file');
});

test('accepts free pages at the end, which LMDB does not write', async ({ directory, file }) => {
  await fill(directory);
  const bytes = readFileSync(file);
  const pageBytes = bytes.readUInt32LE(PAGE_BYTES_AT);
  for (const meta of [0, pageBytes]) {
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(meta + LAST_PAGE_AT) + 3n, meta + LAST_PAGE_AT);
  }
  writeFileSync(file, bytes);
  assert.is(dataFileFault(file), null);
});

test.run();
