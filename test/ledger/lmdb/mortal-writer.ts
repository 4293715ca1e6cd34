import { parentPort } from 'node:worker_threads';
import type { WriterRequest } from '../../../src/ledger/lmdb/writer.ts';

// The thread that writes to an LMDB ledger, with two deadly requests: one for a health turn kills it by an error that
// nothing catches, a ping by an exit.
parentPort?.on('message', (request: WriterRequest) => {
  if (request.kind !== 'write') return;
  if (request.method === 'takeHealthTurn') throw new Error('a bug');
  if (request.method === 'ping') process.exit(3);
});

await import(new URL('../../../src/ledger/lmdb/writer.ts', import.meta.url).href);
