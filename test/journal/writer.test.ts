import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readUuid } from '../../src/core/uuid.ts';
import {
  type DamagedRecord,
  journalFileCount,
  type Replay,
  reclaim,
  replay,
  unfinished,
} from '../../src/journal/replay.ts';
import { diskFiles, Journal, type JournalFiles, type JournalOptions } from '../../src/journal/writer.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const RECORDS = 64;
const BATCH = 16;

interface Context {
  directory: string;
}

const opened: Journal[] = [];

function journalSuite(name: string): ReturnType<typeof suite<Context>> {
  const tests = suite<Context>(name);
  tests.before.each((context) => {
    context.directory = temporaryDirectory();
  });
  tests.after.each(async () => {
    for (const journal of opened.splice(0)) await journal.close();
  });
  return tests;
}

function makeSegments(segmentCount = 8, recordsPerSegment = RECORDS): SegmentTable {
  return new SegmentTable(SegmentTable.allocate(segmentCount, recordsPerSegment));
}

function openJournal(
  directory: string,
  segments: SegmentTable,
  options: Partial<JournalOptions> = {},
): Journal {
  let salt = 0;
  const journal = new Journal({
    directory,
    writer: 'http-0',
    segments,
    durable: false,
    batchRecords: BATCH,
    randomU32: () => salt++,
    ...options,
  });
  opened.push(journal);
  return journal;
}

/** The 16 bytes of payment number `number`. */
function idOf(number: number): Buffer {
  const id = Buffer.alloc(16, 0xcc);
  id.writeUInt32BE(number, 12);
  return id;
}

function append(journal: Journal, number: number): number {
  const trace = number % 2 === 0 ? null : Buffer.alloc(25, number);
  return journal.append(idOf(number), number + 1, 1_752_577_200_000 + number, trace);
}

/** Appends and writes payments one by one; returns their refs. */
function write(journal: Journal, first: number, count: number): number[] {
  const refs: number[] = [];
  for (let number = first; number < first + count; number++) {
    refs.push(append(journal, number));
    assert.equal(journal.write(), { kind: 'ok' });
  }
  return refs;
}

/** The numbers of the payments that are not done. Checks that each is as it was appended. */
function unfinishedNumbers(
  directory: string,
  segments: SegmentTable,
  damaged: DamagedRecord[] = [],
): number[] {
  const numbers: number[] = [];
  for (const record of unfinished(directory, segments, (one) => damaged.push(one))) {
    const number = record.id.readUInt32BE(12);
    assert.equal(record.id, idOf(number));
    assert.is(record.amountCents, number + 1);
    assert.is(record.acceptedAtMs, 1_752_577_200_000 + number);
    assert.equal(record.trace, number % 2 === 0 ? null : Buffer.alloc(25, number));
    assert.not.ok(segments.isDone(record.ref));
    numbers.push(number);
  }
  return numbers;
}

/** What the next run finds. */
function nextLife(
  directory: string,
  recordsPerSegment = RECORDS,
): { replayed: Replay; segments: SegmentTable; numbers: number[] } {
  const segments = makeSegments(8 + journalFileCount(directory), recordsPerSegment);
  const replayed = replay(directory, segments);
  return { replayed, segments, numbers: unfinishedNumbers(directory, segments) };
}

/** The bytes of the only file. */
function sizeOf(directory: string): number {
  return statSync(join(directory, readdirSync(directory)[0] as string)).size;
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

const writing = journalSuite('journal: writing');

writing(
  'written payments are there in the next run, payments that were only appended are not',
  ({ directory }) => {
    const journal = openJournal(directory, makeSegments());
    write(journal, 0, 5);
    for (const number of range(5, 3)) append(journal, number);
    assert.equal(journal.write(), { kind: 'ok' });
    append(journal, 8);
    const { replayed, numbers } = nextLife(directory);
    assert.equal(replayed, { kind: 'ok', fileCount: 1, recordCount: 8, tornBytes: 0, damaged: [] });
    assert.equal(numbers, range(0, 8));
  },
);

writing('a batch is one write(2)', ({ directory }) => {
  const writes: number[] = [];
  const files: JournalFiles = {
    ...diskFiles,
    write(file, bytes, length, position) {
      writes.push(length);
      return diskFiles.write(file, bytes, length, position);
    },
  };
  const journal = openJournal(directory, makeSegments(), { files });
  assert.equal(journal.write(), { kind: 'ok' });
  for (const number of range(0, 10)) append(journal, number);
  assert.equal(writes, []);
  assert.equal(journal.write(), { kind: 'ok' });
  assert.equal(writes, [640]);
});

writing('takes no more payments between two writes than a batch can hold', ({ directory }) => {
  const journal = openJournal(directory, makeSegments());
  for (const number of range(0, BATCH)) assert.ok(append(journal, number) >= 0);
  assert.is(append(journal, BATCH), -1);
  assert.equal(journal.write(), { kind: 'ok' });
  assert.ok(append(journal, BATCH) >= 0);
});

writing('uses all its segments, is full, and has room again when some are done', ({ directory }) => {
  const segments = makeSegments(2);
  const journal = openJournal(directory, segments);
  const refs: number[] = [];
  for (let number = 0; ; number++) {
    const ref = append(journal, number);
    if (ref < 0) break;
    refs.push(ref);
    assert.equal(journal.write(), { kind: 'ok' });
  }
  assert.ok(refs.length >= 2 * (RECORDS - BATCH));
  assert.is(new Set(refs).size, refs.length);
  for (const ref of refs.slice(0, RECORDS)) segments.markDone(ref);
  assert.equal(journal.reclaim(), { fileCount: 1, failure: null });
  assert.is(journalFileCount(directory), 1);
  write(journal, 1_000, 1);
});

writing('several writers share the segments and the directory', ({ directory }) => {
  const segments = makeSegments();
  const journals = [0, 1, 2].map((thread) => openJournal(directory, segments, { writer: `http-${thread}` }));
  for (const number of range(0, 150)) write(journals[number % 3] as Journal, number, 1);
  assert.equal(
    unfinishedNumbers(directory, segments).sort((one, other) => one - other),
    range(0, 150),
  );
  const { numbers } = nextLife(directory);
  assert.equal(
    numbers.sort((one, other) => one - other),
    range(0, 150),
  );
});

writing(
  'an idle journal whose records are all done leaves no file, also after closing',
  async ({ directory }) => {
    const segments = makeSegments();
    const journal = openJournal(directory, segments);
    for (const ref of write(journal, 0, 3)) segments.markDone(ref);
    journal.reclaim();
    assert.equal(readdirSync(directory), []);
    for (const ref of write(journal, 3, 3)) segments.markDone(ref);
    assert.equal(await journal.close(), { kind: 'ok' });
    assert.equal(readdirSync(directory), []);
  },
);

writing('closing writes, and keeps payments that are not done', async ({ directory }) => {
  const segments = makeSegments();
  const journal = openJournal(directory, segments);
  const refs = write(journal, 0, 3);
  segments.markDone(refs[1] as number);
  append(journal, 3);
  assert.equal(await journal.close(), { kind: 'ok' });
  assert.equal(unfinishedNumbers(directory, segments), [0, 2, 3]);
  assert.equal(nextLife(directory).numbers, [0, 1, 2, 3]);
});

writing('a file that cannot be removed is kept, reported, and tried again', ({ directory }) => {
  const segments = makeSegments();
  const journal = openJournal(directory, segments);
  for (const ref of write(journal, 0, 1)) segments.markDone(ref);
  const path = join(directory, readdirSync(directory)[0] as string);
  rmSync(path);
  mkdirSync(path);
  const { fileCount, failure } = journal.reclaim();
  assert.is(fileCount, 0);
  assert.ok(failure?.includes(path));
  rmSync(path, { recursive: true });
  assert.equal(journal.reclaim(), { fileCount: 1, failure: null });
});

const failing = journalSuite('journal: a disk that refuses');

interface FaultyDisk {
  readonly files: JournalFiles;
  /** The operations that fail from now on. */
  faults: Set<'create' | 'write' | 'short write' | 'truncate' | 'sync' | 'syncDirectory' | 'close'>;
  syncs: number;
}

function faultyDisk(): FaultyDisk {
  const disk: FaultyDisk = { faults: new Set(), syncs: 0, files: diskFiles };
  const fail = (fault: 'create' | 'write' | 'truncate' | 'sync' | 'syncDirectory' | 'close') => {
    if (disk.faults.has(fault)) throw Object.assign(new Error(`ENOSPC: ${fault}`), { code: 'ENOSPC' });
  };
  return Object.assign(disk, {
    files: {
      ...diskFiles,
      create(path: string) {
        fail('create');
        return diskFiles.create(path);
      },
      write(file: number, bytes: Uint8Array, length: number, position: number) {
        fail('write');
        const written = disk.faults.has('short write') ? length - 10 : length;
        return diskFiles.write(file, bytes, written, position);
      },
      truncate(file: number, length: number) {
        fail('truncate');
        diskFiles.truncate(file, length);
      },
      close(file: number) {
        diskFiles.close(file);
        fail('close');
      },
      async sync(file: number) {
        disk.syncs++;
        fail('sync');
        await diskFiles.sync(file);
      },
      async syncDirectory(path: string) {
        fail('syncDirectory');
        await diskFiles.syncDirectory(path);
      },
    },
  });
}

for (const faults of [['create'], ['write'], ['short write'], ['short write', 'truncate']] as const) {
  failing(`${faults.join(' and ')}: refused, then it goes on by itself`, ({ directory }) => {
    const disk = faultyDisk();
    const segments = makeSegments();
    const journal = openJournal(directory, segments, { files: disk.files });
    if (faults[0] !== 'create') write(journal, 0, 3);
    for (let round = 0; round < 3; round++) {
      for (const fault of faults) disk.faults.add(fault);
      for (const number of range(100, 5)) assert.ok(append(journal, number) >= 0);
      assert.is(journal.write().kind, 'failed');
      assert.equal(journal.write(), { kind: 'ok' }, 'nothing is left over');
      if (faults.length === 1 && faults[0] !== 'create')
        assert.is(sizeOf(directory), 3 * 64, 'the tail is cut at once');
    }
    disk.faults.clear();
    const before = faults[0] === 'create' ? [] : range(0, 3);
    write(journal, 200, 3);
    assert.equal(unfinishedNumbers(directory, segments), [...before, ...range(200, 3)]);
    const { replayed, numbers } = nextLife(directory);
    assert.is(replayed.kind === 'ok' && replayed.tornBytes, 0);
    assert.equal(numbers, [...before, ...range(200, 3)]);
  });
}

failing('with a spare file, the next one needs no descriptor', async ({ directory }) => {
  const disk = faultyDisk();
  const segments = makeSegments();
  // As a run that was killed leaves it.
  writeFileSync(join(directory, 'http-0.spare'), '');
  const journal = openJournal(directory, segments, { files: disk.files });
  journal.prepare();
  disk.faults.add('create');
  write(journal, 0, RECORDS - BATCH + 1);
  append(journal, 100);
  assert.is(journal.write().kind, 'failed', 'there is one spare file');
  journal.prepare();
  disk.faults.clear();
  journal.prepare();
  disk.faults.add('create');
  write(journal, 200, 1);
  assert.equal(unfinishedNumbers(directory, segments), [...range(0, RECORDS - BATCH + 1), 200]);
  disk.faults.clear();
  journal.prepare();
  assert.equal(await journal.close(), { kind: 'ok' });
  assert.equal(nextLife(directory).numbers, [...range(0, RECORDS - BATCH + 1), 200]);
  assert.is(readdirSync(directory).length, 2, 'the spare file is removed');
});

failing('a spare file that was removed is not missed', ({ directory }) => {
  const segments = makeSegments();
  const journal = openJournal(directory, segments);
  journal.prepare();
  rmSync(join(directory, 'http-0.spare'));
  write(journal, 0, 3);
  assert.equal(nextLife(directory).numbers, range(0, 3));
});

failing('an error of close does no harm', async ({ directory }) => {
  const disk = faultyDisk();
  disk.faults.add('close');
  const segments = makeSegments();
  const journal = openJournal(directory, segments, { files: disk.files });
  write(journal, 0, RECORDS);
  assert.equal(await journal.close(), { kind: 'ok' });
  assert.equal(nextLife(directory).numbers, range(0, RECORDS));
});

failing('an error that is not from the file system is a bug, and is thrown again', ({ directory }) => {
  const files: JournalFiles = {
    ...diskFiles,
    write() {
      throw new TypeError('a bug');
    },
  };
  const journal = openJournal(directory, makeSegments(), { files });
  append(journal, 0);
  assert.throws(() => journal.write(), /a bug/);
});

/** Mounts a disk of 64 KiB; undefined if that is not allowed. */
function mountTinyDisk(): string | undefined {
  const path = temporaryDirectory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path]).status === 0;
  return mounted ? path : undefined;
}

const tinyDisk = mountTinyDisk();
failing.after(() => {
  if (tinyDisk !== undefined) spawnSync('umount', [tinyDisk]);
});

if (tinyDisk === undefined) {
  failing('a full disk (no mount allowed here: only the injected failures above were tried)', () => {});
} else {
  failing('a full disk: refused, then it goes on by itself when there is room', () => {
    const segments = makeSegments(8, 4096);
    const journal = openJournal(tinyDisk, segments);
    const ballast = join(tinyDisk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(40_000));
    const accepted: number[] = [];
    let refusals = 0;
    for (let number = 0; refusals < 5; number++) {
      append(journal, number);
      if (journal.write().kind === 'ok') accepted.push(number);
      else refusals++;
    }
    assert.ok(accepted.length > 100);
    rmSync(ballast);
    write(journal, 10_000, 10);
    assert.equal(nextLife(tinyDisk, 4096).numbers, [...accepted, ...range(10_000, 10)]);
  });
}

const syncing = journalSuite('journal: durable');

syncing(
  'syncs the file and its name, and calls made meanwhile share the next sync',
  async ({ directory }) => {
    const disk = faultyDisk();
    const journal = openJournal(directory, makeSegments(), { durable: true, files: disk.files });
    write(journal, 0, 1);
    const first = journal.sync();
    await Promise.resolve();
    const later = [journal.sync(), journal.sync(), journal.sync()];
    assert.equal(await first, { kind: 'ok' });
    for (const result of await Promise.all(later)) assert.equal(result, { kind: 'ok' });
    assert.is(disk.syncs, 2);
    assert.equal(await journal.close(), { kind: 'ok' });
  },
);

syncing('also syncs a file that has been sealed meanwhile', async ({ directory }) => {
  const disk = faultyDisk();
  const journal = openJournal(directory, makeSegments(), { durable: true, files: disk.files });
  write(journal, 0, 2 * RECORDS);
  assert.equal(await journal.sync(), { kind: 'ok' });
  assert.is(disk.syncs, journalFileCount(directory));
  assert.equal(await journal.close(), { kind: 'ok' });
});

for (const fault of ['sync', 'syncDirectory'] as const) {
  syncing(`${fault} fails: told once, and another file is begun`, async ({ directory }) => {
    const disk = faultyDisk();
    const segments = makeSegments();
    const journal = openJournal(directory, segments, { durable: true, files: disk.files });
    const [ref] = write(journal, 0, 1);
    disk.faults.add(fault);
    const failed = journal.sync();
    append(journal, 1);
    assert.is((await failed).kind, 'failed');
    segments.markDone(ref as number);
    disk.faults.clear();
    assert.equal(journal.write(), { kind: 'ok' });
    assert.equal(await journal.sync(), { kind: 'ok' });
    write(journal, 2, 1);
    assert.equal(await journal.sync(), { kind: 'ok' });
    assert.is(journalFileCount(directory), 2);
    assert.equal(unfinishedNumbers(directory, segments), [1, 2]);
    assert.equal(await journal.close(), { kind: 'ok' });
  });
}

const recovering = journalSuite('journal: recovery');

recovering('a journal of many runs keeps the payments that no run has finished', ({ directory }) => {
  for (let life = 0; life < 5; life++) {
    const segments = makeSegments(8 + journalFileCount(directory));
    assert.is(replay(directory, segments).kind, 'ok');
    const numbers = unfinishedNumbers(directory, segments);
    assert.equal(numbers, range(0, life * 10));
    write(openJournal(directory, segments), life * 10, 10);
  }
  const { segments } = nextLife(directory);
  for (const record of unfinished(directory, segments, () => {})) segments.markDone(record.ref);
  assert.equal(reclaim(directory, segments), { fileCount: 5, failure: null });
  assert.equal(readdirSync(directory), []);
});

recovering('unfinished reads page by page, and skips records that become done meanwhile', ({ directory }) => {
  const segments = makeSegments(2, 4096);
  const journal = openJournal(directory, segments);
  const refs = write(journal, 0, 2_500);
  const records = unfinished(directory, segments, () => {});
  assert.is(records.next().value.ref, refs[0]);
  for (const ref of refs.slice(1, 2_000)) segments.markDone(ref);
  assert.equal(records.next().value.id, idOf(2_000));
  write(journal, 2_500, 5);
  assert.is([...records].length, 499, 'records written later are not included');
});

recovering('unfinished skips segments that are reclaimed meanwhile', ({ directory }) => {
  const segments = makeSegments(8);
  const journal = openJournal(directory, segments);
  const refs = write(journal, 0, 2 * RECORDS);
  const records = unfinished(directory, segments, () => assert.unreachable());
  assert.is(records.next().value.ref, refs[0]);
  for (const ref of refs) segments.markDone(ref);
  journal.reclaim();
  write(journal, 1_000, 10);
  assert.is(records.next().done, true);
});

recovering('a record from another file or another position is invalid', ({ directory }) => {
  const segments = makeSegments();
  write(openJournal(directory, segments, { writer: 'one' }), 0, 4);
  write(openJournal(directory, segments, { writer: 'other' }), 10, 4);
  const [one, other] = readdirSync(directory)
    .map((name) => join(directory, name))
    .sort();
  const foreign = readFileSync(other as string);
  const own = readFileSync(one as string);
  // Stale blocks after the end, a record of another file in the middle, one of its own at another position.
  foreign.copy(own, 64, 64, 128);
  own.copy(own, 128, 0, 64);
  writeFileSync(one as string, Buffer.concat([own, foreign]));
  const { replayed, numbers } = nextLife(directory);
  assert.equal(numbers, [0, 3, 10, 11, 12, 13]);
  assert.is(replayed.kind === 'ok' && replayed.tornBytes, foreign.length);
  assert.is(replayed.kind === 'ok' && replayed.damaged.length, 2);
});

recovering('a record that is damaged while it is still needed is reported', ({ directory }) => {
  const segments = makeSegments();
  write(openJournal(directory, segments), 0, 3);
  const path = join(directory, readdirSync(directory)[0] as string);
  const bytes = readFileSync(path);
  bytes[64 + 30] = (bytes[64 + 30] as number) ^ 1;
  writeFileSync(path, bytes.subarray(0, 128 + 10));
  const damaged: DamagedRecord[] = [];
  assert.equal(unfinishedNumbers(directory, segments, damaged), [0]);
  assert.equal(
    damaged.map(({ record }) => record),
    [1, 2],
  );
});

recovering('a start that cannot read everything fails, and says why', ({ directory }) => {
  write(openJournal(directory, makeSegments()), 0, 2 * RECORDS);
  const tooFew = replay(directory, makeSegments(1));
  assert.match(tooFew.kind === 'failed' ? tooFew.reason : '', /no segment is free/);
  const tooSmall = replay(directory, makeSegments(8, 32));
  assert.match(tooSmall.kind === 'failed' ? tooSmall.reason : '', /too large for a journal file/);
  const [name] = readdirSync(directory);
  const path = join(directory, name ?? '');
  rmSync(path);
  mkdirSync(path);
  const unreadable = replay(directory, makeSegments());
  const reason = unreadable.kind === 'failed' ? unreadable.reason : '';
  assert.match(reason, `${path} cannot be read (EISDIR`);
  assert.match(reason, 'move it away');
  assert.is(replay(join(directory, 'nowhere'), makeSegments()).kind, 'failed');
});

recovering(
  'a file that cannot be read while the gateway runs is reported, and the others are read',
  ({ directory }) => {
    const segments = makeSegments();
    write(openJournal(directory, segments), 0, 2 * RECORDS);
    const [first = ''] = readdirSync(directory).sort();
    const lost = statSync(join(directory, first)).size / 64;
    rmSync(join(directory, first));
    mkdirSync(join(directory, first));
    const damaged: DamagedRecord[] = [];
    assert.equal(unfinishedNumbers(directory, segments, damaged), range(lost, 2 * RECORDS - lost));
    assert.is(damaged.length, 1);
    assert.is(damaged[0]?.fileName, first);
    assert.match(damaged[0]?.reason ?? '', 'EISDIR');
  },
);

recovering('a file with the same number as another one is not removed by mistake', ({ directory }) => {
  const segments = makeSegments();
  const journal = openJournal(directory, segments);
  for (const ref of write(journal, 0, 1)) segments.markDone(ref);
  const [name = ''] = readdirSync(directory);
  writeFileSync(join(directory, `copied-${name}`), 'payments');
  assert.match(journal.reclaim().failure ?? '', 'have the same number');
  assert.is(readdirSync(directory).length, 2);
  rmSync(join(directory, `copied-${name}`));
  assert.equal(journal.reclaim(), { fileCount: 1, failure: null });
});

recovering(
  'when the directory of a running gateway is removed, only its records are lost',
  ({ directory }) => {
    const home = join(directory, 'home');
    mkdirSync(home);
    const segments = makeSegments();
    const journal = openJournal(home, segments);
    const refs = write(journal, 0, 1);
    rmSync(home, { recursive: true });
    assert.equal(unfinishedNumbers(home, segments), []);
    for (const ref of refs) segments.markDone(ref);
    assert.equal(journal.reclaim(), { fileCount: 1, failure: null });
    assert.ok(append(journal, 1) >= 0);
    assert.is(journal.write().kind, 'failed');
  },
);

recovering('empty journal files are removed, other files stay', ({ directory }) => {
  writeFileSync(join(directory, 'http-0-0000000003-00000000.1.journal'), 'torn');
  writeFileSync(join(directory, 'http-0-0000000004-00000000.2.journal'), 'of another version');
  writeFileSync(join(directory, 'lock-0123456789abcdef'), '');
  const { replayed } = nextLife(directory);
  assert.equal(replayed, { kind: 'ok', fileCount: 0, recordCount: 0, tornBytes: 4, damaged: [] });
  assert.is(readdirSync(directory).length, 2);
});

recovering('with arbitrary damage no wrong record appears, and no intact one is lost', ({ directory }) => {
  const anyDamage = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    flips: fc.array(fc.nat(40 * 64 * 8 - 1), { maxLength: 6 }),
    cut: fc.option(fc.nat(40 * 64)),
    garbage: fc.uint8Array({ maxLength: 200 }),
  });
  let life = 0;
  fc.assert(
    fc.property(anyDamage, ({ count, flips, cut, garbage }) => {
      const home = join(directory, String(life++));
      mkdirSync(home);
      write(openJournal(home, makeSegments()), 0, count);
      const path = join(home, readdirSync(home)[0] as string);
      const bytes = readFileSync(path);
      const spoiled = new Set<number>();
      for (const bit of flips) {
        if (bit >= bytes.length * 8) continue;
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        spoiled.add(bit);
      }
      // A bit flipped twice is unchanged.
      const wrong = new Set(
        [...spoiled]
          .filter((bit) => flips.filter((one) => one === bit).length % 2 === 1)
          .map((bit) => bit >> 9),
      );
      const kept = bytes.subarray(0, cut ?? bytes.length);
      writeFileSync(path, Buffer.concat([kept, cut === null ? garbage : Buffer.alloc(0)]));
      const intact = range(0, Math.floor(kept.length / 64)).filter((record) => !wrong.has(record));
      const { replayed, numbers } = nextLife(home);
      assert.equal(numbers, intact);
      assert.is(replayed.kind === 'ok' && replayed.recordCount, intact.length);
      const again = nextLife(home);
      assert.equal(again.numbers, intact);
      assert.is(again.replayed.kind === 'ok' && again.replayed.tornBytes, 0);
    }),
    { numRuns: 200 },
  );
});

recovering('after kill -9 every acknowledged payment is there', async ({ directory }) => {
  for (const goal of [1, 700, 5_000]) {
    const home = join(directory, String(goal));
    mkdirSync(home);
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./journal-child.ts', import.meta.url)), home],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const acknowledged: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      if (line.length === 36) acknowledged.push(line);
      if (acknowledged.length === goal) child.kill('SIGKILL');
    });
    await once(child, 'close');
    assert.ok(acknowledged.length >= goal);
    const segments = new SegmentTable(SegmentTable.allocate(1024, 256));
    const replayed = replay(home, segments);
    assert.equal(replayed.kind === 'ok' && replayed.damaged, []);
    const found = new Set<string>();
    for (const record of unfinished(home, segments, () => {})) found.add(readUuid(record.id, 0));
    assert.equal(
      acknowledged.filter((uuid) => !found.has(uuid)),
      [],
    );
  }
});

recovering('a torn write of a killed process is cut off exactly', ({ directory }) => {
  write(openJournal(directory, makeSegments()), 0, 3);
  const path = join(directory, readdirSync(directory)[0] as string);
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(37, 1)]));
  assert.is(statSync(path).size, 3 * 64 + 37);
  const { replayed } = nextLife(directory);
  assert.is(replayed.kind === 'ok' && replayed.tornBytes, 37);
  assert.is(statSync(path).size, 3 * 64);
});

writing.run();
failing.run();
syncing.run();
recovering.run();
