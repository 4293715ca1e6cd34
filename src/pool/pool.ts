import { Piscina } from 'piscina';
import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { errorReason } from '../core/reason.ts';

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
const REPLACE_AFTER: Backoff = { baseMs: 100, maxMs: 5000 };
/** A thread that executes JavaScript ends at once. */
const END_MS = 2000;

/**
 * The pool threads of an instance. Each runs one task for as long as it lives: it drains the ring. One that dies is
 * replaced by another with the same number, and so the same seat in the ledger. One that cannot be made, because the
 * machine has no threads or memory left, is tried again.
 *
 * Each life of a thread has a Piscina of its own: one that replaces threads by itself throws where nobody catches it
 * when the machine has none left.
 */
export class Pool {
  readonly #parts: PoolParts;
  readonly #running = new Map<number, Piscina>();
  readonly #lackOutage: OutageLog;
  readonly #tasks: Promise<void>[] = [];
  #stopping = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#lackOutage = new OutageLog({
      log: parts.log,
      began: 'a pool thread cannot be started: this machine has no threads or memory left',
      ended: 'pool threads are started again',
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
    const threads = [...this.#running.values()];
    const ended = Promise.all(threads.map((piscina) => piscina.destroy())).then(() => outcome);
    const stuck = new Promise<'stuck'>((resolve) => {
      timer = setTimeout(() => resolve('stuck'), END_MS);
    });
    return Promise.race([ended, stuck]).finally(() => clearTimeout(timer));
  }

  async #keepRunning(thread: number): Promise<void> {
    const { onDeath, log } = this.#parts;
    let isFirst = true;
    for (let lacks = 0; !this.#stopping; ) {
      const ended = await this.#live(thread, isFirst);
      if (ended.kind === 'done' || this.#stopping) return;
      if (ended.kind === 'died') {
        lacks = 0;
        isFirst = false;
        log.error({ thread, err: ended.error }, 'pool thread died; another takes its place');
        onDeath(thread);
      } else lacks++;
      const waitMs = equalJitterMs(REPLACE_AFTER, Math.max(1, lacks), Math.random);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** One life of a thread. */
  async #live(thread: number, isFirst: boolean): Promise<Ended> {
    const piscina = new Piscina({
      filename: (this.#parts.file ?? new URL('./worker.ts', import.meta.url)).href,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      // The default puts an idle thread to sleep in a way that also stops its timers and sockets.
      atomics: 'disabled',
      // Accepting comes before draining: where both want the CPU, the HTTP thread gets it.
      niceIncrement: NICE_INCREMENT,
    });
    try {
      // A thread that cannot be made throws here, and not by the promise. Such a Piscina is not destroyed: it has no
      // thread, and would reject the promise of a task that nobody was given.
      const task = piscina.run(this.#parts.taskOf(thread, isFirst));
      this.#running.set(thread, piscina);
      this.#lackOutage.recovered();
      await task;
      return { kind: 'done' };
    } catch (error) {
      if (!isThreadLack(error)) return { kind: 'died', error };
      this.#lackOutage.failed(errorReason(error));
      return { kind: 'lacking' };
    } finally {
      if (!this.#stopping && this.#running.delete(thread)) await piscina.destroy();
    }
  }
}

type Ended =
  | { readonly kind: 'done' }
  | { readonly kind: 'died'; readonly error: unknown }
  | { readonly kind: 'lacking' };

function isThreadLack(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_INIT_FAILED';
}
