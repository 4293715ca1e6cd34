import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { LmdbLedger } from '../../src/ledger/lmdb.ts';
import { conformance } from './conformance.ts';

async function directory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'dinossauro-ledger-'));
}

conformance('LMDB', async () => {
  const path = await directory();
  return {
    open: (processorNames) => LmdbLedger.open(path, { processorNames, clock: systemClock, pollMs: 5 }),
    dispose: () => rm(path, { recursive: true }),
  };
});
