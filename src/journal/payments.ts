import type { Payment } from '../core/payment.ts';
import { readUuid } from '../core/uuid.ts';
import { RECORDS_PER_SEGMENT } from '../shared-memory/allocate.ts';
import { PaymentRecord } from '../shared-memory/payment-record.ts';
import { goodEnd, journalFiles, readFile } from './journal-files.ts';
import { neighbours } from './left-behind.ts';
import { RECORD_BYTES, RecordPage } from './record.ts';

/** The journal of an instance and, if those beside it belong to the same deployment, those too. */
export function journalDirectories(directory: string, includesNeighbours: boolean): string[] {
  return includesNeighbours ? [...neighbours(directory), directory] : [directory];
}

/**
 * The payments in the files of a journal, whether they are done or not, in use or not. Files that disappear meanwhile were
 * done. Throws if a file cannot be read.
 */
export function* journalPayments(directory: string): Generator<Payment> {
  const page = new RecordPage(RECORDS_PER_SEGMENT);
  const record = new PaymentRecord();
  for (const { name } of journalFiles(directory)) {
    page.bytes.fill(0);
    const read = readFile(directory, name, page);
    if (read.kind === 'failed') {
      if (journalFiles(directory).every((file) => file.name !== name)) continue;
      throw new Error(read.reason);
    }
    const end = goodEnd(page, Math.floor(read.size / RECORD_BYTES));
    for (let index = 0; index < end; index++) {
      if (!page.isGood(index, index)) continue;
      page.read(index, record);
      const { amountCents, acceptedAtMs } = record;
      yield { correlationId: readUuid(record.id, 0), amountCents, acceptedAtMs };
    }
  }
}
