import { Piscina } from 'piscina';
import type { Log } from '../core/log.ts';

export interface PoolParts {
  readonly threadCount: number;
  /** What thread `thread` is to do; the default export of `worker.ts` gets it. `isFirst`: it replaces no other. */
  readonly taskOf: (thread: number, isFirst: boolean) => unknown;
  /** Called before a thread that died is replaced: what it held must find its way to the others. */
  readonly onDeath: (thread: number) => void;
  readonly log: Log;
  /** The module that a thread runs, when it is not `worker.ts`: tests have one that dies. */
  readonly file?: URL;
}

const NICE_INCREMENT = 5;

/** A thread that dies again and again, because of the machine or of a bug, must not take all the CPU with it. */
const REPLACE_AFTER_MS = 100;
/** A thread that executes JavaScript ends at once. */
const END_MS = 2000;

/**
 * The pool threads of an instance. Each runs one task for as long as it lives: it drains the ring. One that dies is
 * replaced by another with the same number, and so the same seat in the ledger.
 */
export class Pool {
  readonly #parts: PoolParts;
  readonly #piscina: Piscina;
  readonly #tasks: Promise<void>[] = [];
  #stopping = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#piscina = new Piscina({
      filename: (parts.file ?? new URL('./worker.ts', import.meta.url)).href,
      minThreads: parts.threadCount,
      maxThreads: parts.threadCount,
      concurrentTasksPerWorker: 1,
      // The default puts an idle thread to sleep in a way that also stops its timers and sockets.
      atomics: 'disabled',
      // Accepting comes before draining: where both want the CPU, the HTTP thread gets it.
      niceIncrement: NICE_INCREMENT,
    });
  }

  start(): void {
    for (let thread = 0; thread < this.#parts.threadCount; thread++)
      this.#tasks.push(this.#keepRunning(thread));
  }

  /**
   * Waits until every thread has come to its end, `timeoutMs` at most, and ends those that have not. `stuck`: one
   * can't be ended, because it waits for a lock of an embedded ledger that another process has.
   */
  async stop(timeoutMs: number): Promise<'drained' | 'cut off' | 'stuck'> {
    this.#stopping = true;
    const finished = Promise.all(this.#tasks).then(() => 'drained' as const);
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<'cut off'>((resolve) => {
      timer = setTimeout(() => resolve('cut off'), timeoutMs);
    });
    const outcome = await Promise.race([finished, overdue]);
    clearTimeout(timer);
    const ended = this.#piscina.destroy().then(() => outcome);
    const stuck = new Promise<'stuck'>((resolve) => {
      timer = setTimeout(() => resolve('stuck'), END_MS);
    });
    return Promise.race([ended, stuck]).finally(() => clearTimeout(timer));
  }

  async #keepRunning(thread: number): Promise<void> {
    const { taskOf, onDeath, log } = this.#parts;
    for (let isFirst = true; ; isFirst = false) {
      try {
        await this.#piscina.run(taskOf(thread, isFirst));
        return;
      } catch (error) {
        if (this.#stopping) return;
        log.error({ thread, err: error }, 'pool thread died; another takes its place');
      }
      onDeath(thread);
      await new Promise((resolve) => setTimeout(resolve, REPLACE_AFTER_MS));
    }
  }
}
