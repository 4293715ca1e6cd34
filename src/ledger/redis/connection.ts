import assert from 'node:assert/strict';
import type { Clock } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import { ok, type Reply, unavailable } from '../ledger.ts';

/** What a connection needs of the driver. Bulk strings of a reply come as Buffers. */
export interface RedisDriver {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand(command: readonly (string | Buffer)[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  destroy(): void;
}

export interface RedisConnectionOptions {
  /** A driver that is not connected yet, fails at once while it is offline, and never reconnects by itself. */
  readonly newDriver: () => RedisDriver;
  /** Makes a connected driver fit for use. What it throws is why the connection is given up. */
  readonly prepare: (send: Send) => Promise<void>;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** A command without an answer for so long gives the connection up, and so does a connect. */
  readonly timeoutMs: number;
  /** Commands that may wait for their answers at once. */
  readonly pendingLimit: number;
}

/** Sends a command (or subscribes), and throws what the server or the driver has against it. */
export interface Send {
  (command: readonly (string | Buffer)[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<unknown>;
}

const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1000;

/** Replies after which this connection is of no more use: the server or the books behind it are others than before. */
const FATAL_REPLIES = ['READONLY', 'BOOKS', 'STALE', 'MASTERDOWN'];

/**
 * One connection to Redis, replaced by a new one for as long as it takes. Each has its own driver, so that nothing
 * that was asked of one is ever sent by the next.
 *
 * | from     | to       | when                                                                            |
 * |----------|----------|---------------------------------------------------------------------------------|
 * | (start)  | opening  | at once                                                                         |
 * | opening  | ready    | connected and prepared                                                          |
 * | opening  | waiting  | refused, not prepared, or too slow                                              |
 * | ready    | waiting  | lost, a command timed out, or a fatal reply: every command in flight fails      |
 * | waiting  | opening  | after a backoff: 50 ms, doubled to 1 s, of which a random part; the first at once |
 * | any      | closed   | close()                                                                         |
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #pending = new Set<{ readonly deadlineMs: number }>();
  #state: 'opening' | 'ready' | 'waiting' | 'closed' = 'opening';
  #driver: RedisDriver | undefined;
  #reason = 'not connected yet';
  #failures = 0;
  #cancelRetry: () => void = () => {};
  #cancelWatch: (() => void) | undefined;
  #cancelOpening: () => void = () => {};
  #tried: () => void = () => {};

  /** The first attempt has ended, well or not. */
  readonly tried: Promise<void>;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.tried = new Promise((resolve) => {
      this.#tried = resolve;
    });
    this.#open();
  }

  /** Asks a ready connection; answers `unavailable` at once while there is none. */
  async ask<T>(question: (send: Send) => Promise<T>): Promise<Reply<T>> {
    const driver = this.#driver;
    if (this.#state !== 'ready' || driver === undefined) return unavailable(this.#reason);
    try {
      return ok(await question(this.#sender(driver)));
    } catch (error) {
      // A bug of ours is not an absence of Redis.
      if (error instanceof assert.AssertionError || error instanceof TypeError) throw error;
      if (this.#driver !== driver) return unavailable(this.#reason);
      const reason = errorReason(error);
      if (FATAL_REPLIES.some((code) => reason.startsWith(`${code} `))) this.#lose(driver, reason);
      return unavailable(reason);
    }
  }

  close(): void {
    if (this.#state === 'closed') return;
    const driver = this.#driver;
    this.#reason = 'the ledger is closed';
    this.#enter('closed', undefined);
    driver?.destroy();
  }

  #open(): void {
    const driver = this.#options.newDriver();
    driver.on('error', (error) => this.#lose(driver, errorReason(error)));
    this.#enter('opening', driver);
    const { clock, timeoutMs } = this.#options;
    this.#cancelOpening = clock.after(timeoutMs, () =>
      this.#lose(driver, `no connection within ${timeoutMs} ms`),
    );
    void this.#prepare(driver);
  }

  async #prepare(driver: RedisDriver): Promise<void> {
    try {
      await driver.connect();
      // A driver that was given up while it connected has a socket only now.
      if (this.#driver !== driver) return driver.destroy();
      await this.#options.prepare(this.#sender(driver));
    } catch (error) {
      this.#lose(driver, errorReason(error));
    }
    if (this.#driver !== driver) return;
    this.#failures = 0;
    this.#enter('ready', driver);
  }

  #lose(driver: RedisDriver, reason: string): void {
    if (this.#driver !== driver) return;
    this.#reason = reason;
    this.#enter('waiting', undefined);
    driver.destroy();
    const { clock, random } = this.#options;
    const backoffMs = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    this.#failures++;
    this.#cancelRetry = clock.after(Math.ceil(backoffMs * random()), () => this.#open());
  }

  #enter(state: 'opening' | 'ready' | 'waiting' | 'closed', driver: RedisDriver | undefined): void {
    assert(this.#state !== 'closed', 'a closed connection stays closed');
    this.#state = state;
    this.#driver = driver;
    this.#cancelRetry();
    this.#cancelOpening();
    if (driver === undefined) {
      this.#cancelWatch?.();
      this.#cancelWatch = undefined;
    }
    if (state !== 'opening') this.#tried();
  }

  #sender(driver: RedisDriver): Send {
    const send = (command: readonly (string | Buffer)[]) =>
      this.#watched(driver, () => driver.sendCommand(command));
    return Object.assign(send, {
      subscribe: (channel: string, listener: (message: Buffer) => void) =>
        this.#watched(driver, () => driver.subscribe(channel, listener, true)),
    });
  }

  /** The driver answers in order, so only the oldest command needs a timer. */
  async #watched(driver: RedisDriver, send: () => Promise<unknown>): Promise<unknown> {
    if (this.#driver !== driver) throw new Error(this.#reason);
    if (this.#pending.size >= this.#options.pendingLimit) throw new Error('too many commands wait for Redis');
    const command = { deadlineMs: this.#options.clock.monotonicMs() + this.#options.timeoutMs };
    this.#pending.add(command);
    this.#cancelWatch ??= this.#watch(this.#options.timeoutMs);
    try {
      return await send();
    } finally {
      this.#pending.delete(command);
    }
  }

  #watch(delayMs: number): () => void {
    return this.#options.clock.after(delayMs, () => {
      this.#cancelWatch = undefined;
      const [oldest] = this.#pending;
      if (oldest === undefined) return;
      const leftMs = oldest.deadlineMs - this.#options.clock.monotonicMs();
      if (leftMs > 0) this.#cancelWatch = this.#watch(leftMs);
      else if (this.#driver !== undefined) {
        this.#lose(this.#driver, `no answer within ${this.#options.timeoutMs} ms`);
      }
    });
  }
}
