import { Piscina } from 'piscina';
import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import { type Clock, LATE, sleep, within } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import { errorReason } from '../core/reason.ts';

export interface PoolParts {
  readonly threadCount: number;
  /** The task of a thread, passed to the default export of `worker.ts`. `isFirst`: it does not replace a dead one. */
  readonly taskOf: (thread: number, isFirst: boolean) => unknown;
  /** Called before a dead thread is replaced, so that its payments reach the other threads. */
  readonly onDeath: (thread: number) => void;
  /** Called when a thread cannot work as this instance is configured, with the reason. Another thread could not, either. */
  readonly onSetupError: (reason: string) => void;
  /** Tells the threads to end at once, between two turns of their event loops. */
  readonly cutOff: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** The module that a thread runs instead of `worker.ts`: tests use one that dies. */
  readonly file?: URL;
}

const NICE_INCREMENT = 5;

/** A thread that keeps dying must not use up the CPU. */
const REPLACE_AFTER: Backoff = { baseMs: 100, maxMs: 5000 };
/** A thread that has worked for this long does not die of what kills it at every start. */
const SOUND_LIFE_MS = 10_000;
/** How long threads that are cut off may take to end: longer than a commit on a slow disk. */
const CUT_OFF_MS = 3000;
/** How long a thread may take to terminate. One that runs JavaScript terminates at once. */
const END_MS = 1000;

/**
 * The pool threads of an instance. Each runs one task all its life: it drains the ring. A thread that dies is replaced
 * by one with the same number, and so with the same worker id. If the machine has no threads or memory left, the pool
 * tries again.
 *
 * Each thread gets its own Piscina. A Piscina that replaces threads by itself throws an error that cannot be caught
 * when the machine has no threads left.
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
      began: 'cannot start a pool thread: this machine is out of threads or memory',
      ended: 'pool threads can be started again',
    });
  }

  start(): void {
    for (let thread = 0; thread < this.#parts.threadCount; thread++)
      this.#tasks.push(this.#keepRunning(thread));
  }

  /**
   * Waits up to `timeoutMs` for the threads to finish, and cuts off the rest. Only one that does not end then is
   * terminated: LMDB never gives up the lock of a thread that is terminated within a transaction, and waits for it.
   * `stuck`: a thread cannot be terminated, because it is blocked on a lock of an embedded ledger that another process
   * holds.
   */
  async stop(timeoutMs: number): Promise<'drained' | 'cut off' | 'stuck'> {
    this.#stopping = true;
    const { clock } = this.#parts;
    const finished = Promise.all(this.#tasks);
    const isDrained = (await within(clock, timeoutMs, finished)) !== LATE;
    if (!isDrained) {
      this.#parts.cutOff();
      await within(clock, CUT_OFF_MS, finished);
    }
    const ended = Promise.all([...this.#running.values()].map((piscina) => piscina.destroy()));
    if ((await within(clock, END_MS, ended)) === LATE) return 'stuck';
    return isDrained ? 'drained' : 'cut off';
  }

  async #keepRunning(thread: number): Promise<void> {
    const { onDeath, clock, log } = this.#parts;
    let isFirst = true;
    for (let failures = 1; !this.#stopping; failures++) {
      const beganAtMs = clock.monotonicMs();
      const ended = await this.#live(thread, isFirst);
      if (ended.kind === 'done' || this.#stopping) return;
      if (ended.kind === 'misconfigured') {
        this.#parts.onSetupError(ended.reason);
        return;
      }
      if (ended.kind === 'died') {
        isFirst = false;
        if (clock.monotonicMs() - beganAtMs >= SOUND_LIFE_MS) failures = 1;
        log.error({ thread, err: ended.error }, 'pool thread died; starting a replacement');
        onDeath(thread);
      }
      await sleep(clock, equalJitterMs(REPLACE_AFTER, failures, Math.random));
    }
  }

  /** One life of a thread. */
  async #live(thread: number, isFirst: boolean): Promise<Ended> {
    const piscina = new Piscina({
      filename: (this.#parts.file ?? new URL('./worker.ts', import.meta.url)).href,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      // The default blocks the event loop of an idle thread, and with it timers and sockets.
      atomics: 'disabled',
      // Accepting comes before draining: when both need the CPU, the HTTP thread gets it.
      niceIncrement: NICE_INCREMENT,
    });
    try {
      // When the thread cannot be created, `run` throws instead of rejecting. Such a Piscina must not be destroyed:
      // `destroy` would reject a task promise that was never returned to us.
      const task: Promise<PoolThreadEnd> = piscina.run(this.#parts.taskOf(thread, isFirst));
      this.#running.set(thread, piscina);
      this.#lackOutage.recovered();
      return await task;
    } catch (error) {
      if (!isThreadLack(error)) return { kind: 'died', error };
      this.#lackOutage.failed(errorReason(error));
      return { kind: 'lacking' };
    } finally {
      if (!this.#stopping && this.#running.delete(thread)) await piscina.destroy();
    }
  }
}

/** How a task ends by itself. A value, because the name of an error is lost between threads. */
export type PoolThreadEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'misconfigured'; readonly reason: string };

type Ended =
  | PoolThreadEnd
  | { readonly kind: 'died'; readonly error: unknown }
  | { readonly kind: 'lacking' };

function isThreadLack(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_INIT_FAILED';
}
