import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { suspectsOf } from '../../src/audit/adopt-command.ts';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { Journal } from '../../src/journal/writer.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { id } from '../ledger/samples.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

test('a payment that is in the journal, twice, and in the file is looked up once', async () => {
  const directory = temporaryDirectory();
  const journalDir = join(directory, 'journal');
  mkdirSync(journalDir);
  const journal = new Journal({
    directory: journalDir,
    writer: 'http-0',
    segments: new SegmentTable(SegmentTable.allocate(8, 64)),
    durable: false,
    batchRecords: 1,
    randomU32: () => 7,
  });
  try {
    for (const number of [1, 2, 1]) {
      const bytes = Buffer.alloc(UUID_BYTES);
      writeUuid(id(number), bytes, 0);
      journal.append(bytes, 1990, 5, null);
      assert.is(journal.write().kind, 'ok');
    }
    const ids = join(directory, 'ids.txt');
    writeFileSync(ids, `${id(2)} 1990\n${id(3)} 1990\n`);
    const suspects: (readonly [string, number])[] = [];
    for await (const { correlationId, acceptedAtMs } of suspectsOf(
      { journalDir, takesOverJournals: false },
      ids,
    ))
      suspects.push([correlationId, acceptedAtMs]);
    assert.equal(suspects, [
      [id(1), 5],
      [id(2), 5],
      [id(3), 0],
    ]);
  } finally {
    await journal.close();
  }
});

test.run();
