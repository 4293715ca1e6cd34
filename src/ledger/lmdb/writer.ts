import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import type { OutboxLimits } from '../../config/parsers.ts';
import { systemClock } from '../../core/clock.ts';
import type { Shard } from '../ledger.ts';
import { LmdbLedger } from './ledger.ts';

/** The data that a `ThreadedLmdbLedger` passes to its thread. */
export interface WriterTask {
  readonly path: string;
  readonly processorNames: readonly string[];
  readonly outbox?: OutboxLimits | undefined;
}

/** The methods that wait for the write lock. */
export type WriteMethod =
  | 'registerProcessor'
  | 'acquireLease'
  | 'renewLease'
  | 'releaseLease'
  | 'takeOver'
  | 'commit'
  | 'purge'
  | 'setBooksStatus'
  | 'setProcessorControls'
  | 'setBookmark'
  | 'restoreEntries'
  | 'restoreFees'
  | 'restoreFolded'
  | 'reopen'
  | 'cancel'
  | 'hold'
  | 'release'
  | 'upkeep'
  | 'takeUpkeepTurn'
  | 'takeHealthTurn'
  | 'publishHealth'
  | 'ping';

export type WriterRequest =
  | { readonly kind: 'close' }
  | { readonly kind: 'add'; readonly processorName: string }
  | {
      readonly kind: 'write';
      readonly id: number;
      readonly method: WriteMethod;
      readonly args: readonly unknown[];
      /** When the caller stops waiting, on the monotonic clock, which all threads share. */
      readonly deadlineMs: number;
    };

export type WriterMessage =
  /** The thread has started, and opens the ledger. */
  | { readonly kind: 'opening' }
  | { readonly kind: 'open' }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: unknown }
  /** The request violates a rule of the ledger: a bug in the caller. */
  | { readonly kind: 'threw'; readonly id: number; readonly error: unknown };

// Composition root of a thread that writes to an LMDB ledger for another thread. It must not be terminated, because it
// may be holding the write lock.
assert.ok(parentPort !== null);
const port = parentPort;
const { path, processorNames, outbox }: WriterTask = workerData;
post({ kind: 'opening' });
const ledger = await LmdbLedger.open(path, { processorNames, clock: systemClock, outbox });
port.on('message', (request: WriterRequest) => void serve(request));
post({ kind: 'open' });

async function serve(request: WriterRequest): Promise<void> {
  if (request.kind === 'close') {
    await ledger.close();
    port.close();
  } else if (request.kind === 'add') {
    ledger.addProcessor(request.processorName);
  } else if (systemClock.monotonicMs() < request.deadlineMs) {
    const { id, method, args } = request;
    try {
      post({ kind: 'reply', id, reply: await write(ledger, method, args) });
    } catch (error) {
      post({ kind: 'threw', id, error });
    }
  }
}

function write(to: Shard, method: WriteMethod, args: readonly unknown[]): Promise<unknown> {
  const run = to[method] as (...args: unknown[]) => Promise<unknown>;
  return run.apply(to, [...args]);
}

function post(message: WriterMessage): void {
  port.postMessage(message);
}
