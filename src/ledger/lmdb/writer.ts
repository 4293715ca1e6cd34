import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import type { Ledger } from '../ledger.ts';
import { LmdbLedger } from './ledger.ts';

/** What a `ThreadedLmdbLedger` hands to its thread. */
export interface WriterTask {
  readonly path: string;
  readonly processorNames: readonly string[];
}

/** What waits for the lock of all writers. */
export type WriteMethod =
  | 'acquireLease'
  | 'renewLease'
  | 'releaseLease'
  | 'takeOver'
  | 'commit'
  | 'purge'
  | 'takeHealthTurn'
  | 'publishHealth'
  | 'ping';

export type WriterRequest =
  | { readonly kind: 'close' }
  | {
      readonly kind: 'write';
      readonly id: number;
      readonly method: WriteMethod;
      readonly args: readonly unknown[];
      /** By the clock of the whole machine: nobody waits for the reply any more. */
      readonly deadlineMs: number;
    };

export type WriterMessage =
  | { readonly kind: 'open' }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: unknown }
  /** What was asked breaks a rule of the ledger, which is a bug of whoever asked. */
  | { readonly kind: 'threw'; readonly id: number; readonly error: unknown };

// Composition root of a thread that writes to an LMDB ledger for another one. It is never ended from outside, which
// could happen while it has the lock of all writers.
assert.ok(parentPort !== null);
const port = parentPort;
const { path, processorNames }: WriterTask = workerData;
const ledger = await LmdbLedger.open(path, { processorNames, clock: systemClock });
port.on('message', (request: WriterRequest) => void serve(request));
say({ kind: 'open' });

async function serve(request: WriterRequest): Promise<void> {
  if (request.kind === 'close') {
    await ledger.close();
    port.close();
  } else if (systemClock.monotonicMs() < request.deadlineMs) {
    const { id, method, args } = request;
    try {
      say({ kind: 'reply', id, reply: await write(ledger, method, args) });
    } catch (error) {
      say({ kind: 'threw', id, error });
    }
  }
}

function write(to: Ledger, method: WriteMethod, args: readonly unknown[]): Promise<unknown> {
  const run = to[method] as (...args: unknown[]) => Promise<unknown>;
  return run.apply(to, [...args]);
}

function say(message: WriterMessage): void {
  port.postMessage(message);
}
