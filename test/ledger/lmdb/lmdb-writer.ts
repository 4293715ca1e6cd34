import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Settlement } from '../../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';

/**
 * A writer that can be killed: `node lmdb-writer.ts <ledger> <writer> <batches>`. Each commit settles the last batch
 * of ten and claims the next; only when the ledger has answered is the batch printed as a line. When the
 * ledger becomes unavailable, it says so in the last line and exits.
 */
export const BATCH_SIZE = 10;

export function writtenId(writer: number, number: number): string {
  const scattered = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  const tail = number.toString(16).padStart(12, '0');
  return `${scattered.toString(16).padStart(8, '0')}-${writer.toString(16).padStart(4, '0')}-4000-8000-${tail}`;
}

function writtenAtMs(number: number): number {
  return Date.UTC(2025, 6, 1) + number * 37;
}

export function writtenCents(number: number): number {
  return number + 1;
}

function claims(writer: number, batch: number): Claim[] {
  return Array.from({ length: BATCH_SIZE }, (_, index) => {
    const number = batch * BATCH_SIZE + index;
    return {
      correlationId: writtenId(writer, number),
      amountCents: writtenCents(number),
      acceptedAtMs: writtenAtMs(number),
      processor: number % 2,
      requestedAtMs: writtenAtMs(number),
    };
  });
}

function settlements(writer: number, batch: number): Settlement[] {
  return claims(writer, batch).map((claim) => ({
    ...claim,
    status: 'settled',
    processor: claim.processor ?? 0,
    reason: '',
  }));
}

async function write(path: string, writer: number, batchCount: number): Promise<void> {
  const ledger = await LmdbLedger.open(path, {
    processorNames: ['default', 'fallback'],
    clock: systemClock,
  });
  const acquired = await ledger.acquireLease({ instanceId: `writer-${writer}`, name: 'pool-0' }, 0);
  if (acquired.kind === 'unavailable') throw new Error(acquired.reason);
  for (let batch = 0; batch < batchCount; batch++) {
    const last = batch === 0 ? [] : settlements(writer, batch - 1);
    const reply = await ledger.commit(acquired.value, last, claims(writer, batch));
    if (reply.kind === 'unavailable') {
      process.stdout.write(`unavailable: ${reply.reason}\n`);
      break;
    }
    process.stdout.write(`${batch}\n`);
  }
  await ledger.close();
}

/** How many payments are claimed between two purges. */
export const PURGED_COUNT = 200;

/** `node lmdb-writer.ts <ledger> purging <rounds>`: fills and empties the books in turn. */
async function fillAndPurge(path: string, roundCount: number): Promise<void> {
  const ledger = await LmdbLedger.open(path, {
    processorNames: ['default', 'fallback'],
    clock: systemClock,
  });
  const acquired = await ledger.acquireLease({ instanceId: 'purging', name: 'pool-0' }, 0);
  if (acquired.kind === 'unavailable') throw new Error(acquired.reason);
  for (let round = 0; round < roundCount; round++) {
    const batches = Array.from({ length: PURGED_COUNT / BATCH_SIZE }, (_, batch) => batch);
    for (const batch of batches) await ledger.commit(acquired.value, [], claims(round, batch));
    const settled = batches.flatMap((batch) => settlements(round, batch));
    await ledger.commit(acquired.value, settled, []);
    await ledger.purge(0);
  }
  await ledger.close();
}

const [path, writer, batchCount] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename && path !== undefined) {
  // With this, exceeding `ulimit -f` fails the write, as on a full disk, instead of killing the process.
  process.on('SIGXFSZ', () => {});
  if (writer === 'purging') await fillAndPurge(path, Number(batchCount));
  else await write(path, Number(writer), Number(batchCount));
}
