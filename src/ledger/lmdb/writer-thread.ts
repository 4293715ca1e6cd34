import type { Worker } from 'node:worker_threads';
import { type Backoff, equalJitterMs } from '../../core/backoff.ts';
import { type Clock, within } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { leaveBlocked, startThread } from '../../core/thread.ts';
import type { WriterMessage, WriterRequest, WriterTask } from './writer.ts';

/** A thread that keeps dying must not use up the CPU. */
const REPLACE_AFTER: Backoff = { baseMs: 100, maxMs: 5000 };
const CLOSE_WAIT_MS = 1000;

export interface WriterThreadParts {
  readonly task: WriterTask;
  readonly onMessage: (message: WriterMessage) => void;
  /** Called when the thread has died: it answers no request that it has not answered yet. */
  readonly onDeath: () => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log?: Log | undefined;
  /** The module that the thread runs instead of `writer.ts`: tests use one that dies. */
  readonly file?: URL;
}

/** The thread that runs `writer.ts`. One that dies is replaced, as often as it takes. */
export class WriterThread {
  readonly #parts: WriterThreadParts;
  readonly #opening = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  /** Null while no thread runs. */
  #worker: Worker | null = null;
  /** Deaths since a thread has last opened the ledger. */
  #deaths = 0;
  #isStarted = false;
  #isClosing = false;
  #cancelReplacement: () => void = () => {};

  constructor(parts: WriterThreadParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once the thread has opened the ledger, or has waited for it for `timeoutMs`, which do not include its own start.
   * Rejects if the thread cannot start or open it.
   */
  async start(timeoutMs: number): Promise<void> {
    this.#run();
    await Promise.race([this.#opening.promise, this.#first.promise]);
    await within(this.#parts.clock, timeoutMs, this.#first.promise);
    this.#isStarted = true;
  }

  get isRunning(): boolean {
    return this.#worker !== null;
  }

  send(request: WriterRequest): void {
    this.#worker?.postMessage(request);
  }

  /** Does not wait for a thread that is blocked on the lock: that one ends when it gets the lock, or with the process. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cancelReplacement();
    if (this.#worker === null) return;
    this.send({ kind: 'close' });
    await within(this.#parts.clock, CLOSE_WAIT_MS, this.#closed.promise);
    if (this.#worker !== null) leaveBlocked(this.#worker);
  }

  #run(): void {
    let failure: unknown = null;
    let worker: Worker;
    try {
      const { task, file = new URL('./writer.ts', import.meta.url) } = this.#parts;
      worker = startThread('the thread that writes to the ledger', file, { workerData: task });
    } catch (error) {
      this.#ended(error);
      return;
    }
    this.#worker = worker;
    worker.on('message', (message: WriterMessage) => {
      if (message.kind === 'opening') this.#opening.resolve();
      if (message.kind === 'open') {
        this.#deaths = 0;
        this.#first.resolve();
      }
      this.#parts.onMessage(message);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.once('exit', (code) => this.#ended(failure ?? new Error(`the thread exited with code ${code}`)));
  }

  #ended(error: unknown): void {
    this.#worker = null;
    if (this.#isClosing) this.#closed.resolve();
    else if (this.#isStarted) this.#replace(error);
    else this.#first.reject(error);
  }

  #replace(error: unknown): void {
    const { clock, random, log, onDeath } = this.#parts;
    const retryInMs = equalJitterMs(REPLACE_AFTER, ++this.#deaths, random);
    log?.error(
      { err: error, retryInMs },
      'the thread that writes to the ledger died; starting a replacement',
    );
    this.#cancelReplacement = clock.after(retryInMs, () => this.#run());
    onDeath();
  }
}
