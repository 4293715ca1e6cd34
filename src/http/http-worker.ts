import type { Worker } from 'node:worker_threads';
import { startThread } from '../core/thread.ts';
import type { HttpTask, HttpWorkerMessage } from './worker.ts';

/** One of several HTTP threads, as the thread sees it that accepts connections for them. */
export class HttpWorker {
  /** The handle through which it takes connections. Rejects if the thread ends before it is open. */
  readonly descriptor: Promise<number>;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #isClosing = false;

  /** `onDeath` is called if the thread dies after it has opened. Throws if this machine is out of threads. */
  constructor(task: HttpTask, onDeath: (error: unknown) => void) {
    const name = `HTTP thread ${task.index} (HTTP_THREADS=${task.config.httpThreadCount})`;
    this.#worker = startThread(name, new URL('./worker.ts', import.meta.url), { workerData: task });
    const descriptor = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<void>();
    this.descriptor = descriptor.promise;
    this.#ended = ended.promise;
    let isOpen = false;
    let failure: unknown = null;
    this.#worker.on('message', (message: HttpWorkerMessage) => {
      if (message.kind === 'closed') ended.resolve();
      else {
        isOpen = true;
        descriptor.resolve(message.descriptor);
      }
    });
    this.#worker.on('error', (error) => {
      failure = error;
    });
    this.#worker.once('exit', (code) => {
      ended.resolve();
      if (this.#isClosing) return;
      const error = failure ?? new Error(`an HTTP thread exited with code ${code}`);
      if (isOpen) onDeath(error);
      else descriptor.reject(error);
    });
  }

  /** Waits until the thread has opened and closed everything: LMDB never gives up the lock of one that is cut off while it writes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#worker.postMessage('close');
    await this.#ended;
    await this.#worker.terminate();
  }
}
