import { Worker, type WorkerOptions } from 'node:worker_threads';
import { errorReason } from './reason.ts';
import { SetupError } from './setup-error.ts';

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
