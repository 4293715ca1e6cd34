import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { collectGarbage } from '../core/garbage.ts';
import { countDroppedLines, createLogger, flushLogs } from '../core/log.ts';
import { openCallbackReader, openCallbackReaders } from '../processor/callback-readers.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { SharedState } from '../shared-memory/state.ts';
import { HttpThread } from './thread.ts';
import { warmUpHttp } from './warm-up.ts';

/** What the primary thread passes to each of several HTTP threads. */
export interface HttpTask {
  readonly index: number;
  readonly config: Config;
  readonly shared: SharedMemory;
}

/** What that thread reports: the handle through which it takes connections, and that it has closed. */
export type HttpWorkerMessage =
  | { readonly kind: 'open'; readonly descriptor: number }
  | { readonly kind: 'closed' };

// Composition root of one of several HTTP threads. Any message asks it to close.
assert.ok(parentPort !== null);
const port = parentPort;
const { index, config, shared }: HttpTask = workerData;
const log = createLogger(config.logLevel, { instance: config.instanceId, thread: `http-${index}` });
const sharedState = new SharedState(shared.state, shared.shape);
countDroppedLines((lineCount) => sharedState.countDroppedLines(lineCount));
await warmUpHttp(index, config, systemClock, log);
const readers = await openCallbackReaders(config.processors);
const contracts = { readers, open: openCallbackReader };
const thread = await HttpThread.open(index, config, shared, systemClock, log, contracts);
collectGarbage();
port.once('message', () => {
  void thread.close().then(() => {
    flushLogs();
    report({ kind: 'closed' });
  });
});
report({ kind: 'open', descriptor: thread.app.getDescriptor() });

function report(message: HttpWorkerMessage): void {
  port.postMessage(message);
}
