import { randomInt, randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { writeUuid } from '../../src/core/uuid.ts';
import { Journal } from '../../src/journal/writer.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';

/** Journals payments in the directory of its first argument and prints each id once it is written, until killed. */
const directory = process.argv[2] ?? '';
const segments = new SegmentTable(SegmentTable.allocate(1024, 256));
const journal = new Journal({
  directory,
  writer: 'child',
  segments,
  durable: false,
  batchRecords: 16,
  randomU32: () => randomInt(2 ** 32),
});
const id = Buffer.alloc(16);

for (;;) {
  const uuids = Array.from({ length: randomInt(1, 17) }, () => randomUUID());
  for (const uuid of uuids) {
    writeUuid(uuid, id, 0);
    if (journal.append(id, 1990, 1_752_577_200_000, null) < 0) process.exit(1);
  }
  if (journal.write().kind !== 'ok') process.exit(1);
  writeSync(1, `${uuids.join('\n')}\n`);
}
