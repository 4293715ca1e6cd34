import { Worker, type WorkerOptions } from 'node:worker_threads';
import { errorReason } from './reason.ts';
import { SetupError } from './setup-error.ts';

let blockedCount = 0;

/** Starts a thread; `what` names it in the error. Throws a `SetupError` if this machine is out of threads or memory. */
export function startThread(what: string, file: URL, options: WorkerOptions): Worker {
  try {
    return new Worker(file, options);
  } catch (error) {
    throw new SetupError(
      `cannot start ${what}: this machine is out of threads or memory (${errorReason(error)})`,
    );
  }
}

/** Gives up a thread that does not end, because it is blocked in native code. */
export function leaveBlocked(worker: Worker): void {
  blockedCount++;
  worker.unref();
  worker.once('exit', () => blockedCount--);
}

/** Whether this thread has given up such a thread: `process.exit` would wait for it. */
export function hasBlockedThread(): boolean {
  return blockedCount > 0;
}
