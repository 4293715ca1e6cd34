import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { countDroppedLines, createLogger, flushLogs } from '../core/log.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { SharedState } from '../shared-memory/state.ts';
import { HttpThread } from './thread.ts';
import { warmUpHttp } from './warm-up.ts';

/** What the primary thread hands to one HTTP thread among several. */
export interface HttpTask {
  readonly index: number;
  readonly config: Config;
  readonly shared: SharedMemory;
}

/** What that thread says: where its connections may be sent, and that it has closed. */
export type HttpWorkerMessage =
  | { readonly kind: 'open'; readonly descriptor: number }
  | { readonly kind: 'closed' };

// Composition root of one HTTP thread among several. Any message to it means: close.
assert.ok(parentPort !== null);
const port = parentPort;
const { index, config, shared }: HttpTask = workerData;
const log = createLogger(config.logLevel, { instance: config.instanceId, thread: `http-${index}` });
const sharedState = new SharedState(shared.state, shared.shape);
countDroppedLines((lineCount) => sharedState.countDroppedLines(lineCount));
await warmUpHttp(index, config, systemClock, log);
const thread = await HttpThread.open(index, config, shared, systemClock, log);
port.once('message', () => {
  void thread.close().then(() => {
    flushLogs();
    say({ kind: 'closed' });
  });
});
say({ kind: 'open', descriptor: thread.app.getDescriptor() });

function say(message: HttpWorkerMessage): void {
  port.postMessage(message);
}
