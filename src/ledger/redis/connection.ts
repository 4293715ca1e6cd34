import assert from 'node:assert/strict';
import type { Clock } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import { frozen, ok, type Reply, refused, type Unavailable, unavailable } from '../ledger.ts';

/** The part of the driver that a connection uses. Bulk strings in replies are Buffers. */
export interface RedisDriver {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  sendCommand(command: readonly (string | Buffer)[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  destroy(): void;
}

export interface RedisConnectionOptions {
  /** Returns a driver that is not connected yet, fails at once while offline, and never reconnects by itself. */
  readonly newDriver: () => RedisDriver;
  /** Prepares a connected driver for use. If it throws, the connection is given up for that reason. */
  readonly prepare: (send: Send) => Promise<void>;
  readonly clock: Clock;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  /** The connection is given up if a command gets no answer, or connecting takes longer than this. */
  readonly timeoutMs: number;
  /** How many commands may wait for an answer at once. */
  readonly pendingLimit: number;
}

/** Sends a command or subscribes. Throws the error of the server or the driver. */
export interface Send {
  (command: readonly (string | Buffer)[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<unknown>;
}

const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1000;

/**
 * Error replies that end the connection: the server can no longer serve it, or its books have changed. The next connection
 * may find another server.
 */
const FATAL_REPLIES = ['READONLY', 'UNBLOCKED', 'BOOKS', 'STALE', 'MASTERDOWN', 'MOVED', 'CLUSTERDOWN'];

/** How the functions on the books say that these are frozen. */
const FROZEN = 'FROZEN ';
/** What the server answers begins with a code. */
const ERROR_REPLY = /^[A-Z]+ /;

/** What a question throws if its server must not be used any longer. It ends the connection as well. */
export class UnfitServer extends Error {}

/**
 * A connection to Redis that reconnects until it is closed. Each attempt has a driver of its own, so that no command
 * given to one is sent by the next.
 *
 * | from     | to       | when                                                                            |
 * |----------|----------|---------------------------------------------------------------------------------|
 * | (start)  | opening  | at once                                                                         |
 * | opening  | ready    | connected and prepared                                                          |
 * | opening  | waiting  | connecting or preparing failed or timed out                                     |
 * | ready    | waiting  | lost, a command timed out, or the server is unfit: every command in flight fails |
 * | waiting  | opening  | after a backoff: 50 ms, doubled to 1 s, of which a random part; the first at once |
 * | any      | closed   | close()                                                                         |
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #pending = new Set<{ readonly deadlineMs: number }>();
  #state: 'opening' | 'ready' | 'waiting' | 'closed' = 'opening';
  #driver: RedisDriver | undefined;
  #failure = unavailable('not connected yet');
  #failures = 0;
  #cancelRetry: () => void = () => {};
  #cancelWatch: (() => void) | undefined;
  #cancelOpening: () => void = () => {};
  #tried: () => void = () => {};

  /** Resolves after the first attempt, whether or not it succeeded. */
  readonly tried: Promise<void>;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.tried = new Promise((resolve) => {
      this.#tried = resolve;
    });
    this.#open();
  }

  /** Runs `question` on a ready connection; replies `unavailable` at once while no connection is ready. */
  async ask<T>(question: (send: Send) => Promise<T>): Promise<Reply<T>> {
    const driver = this.#driver;
    if (this.#state !== 'ready' || driver === undefined) return this.#failure;
    try {
      return ok(await question(this.#sender(driver)));
    } catch (error) {
      // A bug in this code must not look like an unavailable Redis.
      if (error instanceof assert.AssertionError || error instanceof TypeError) throw error;
      if (this.#driver !== driver) return this.#failure;
      const failure = failureOf(error);
      const isFatal = FATAL_REPLIES.some((code) => failure.reason.startsWith(`${code} `));
      if (isFatal || error instanceof UnfitServer) this.#lose(driver, failure);
      return failure;
    }
  }

  close(): void {
    if (this.#state === 'closed') return;
    const driver = this.#driver;
    this.#failure = unavailable('the ledger is closed');
    this.#enter('closed', undefined);
    driver?.destroy();
  }

  #open(): void {
    const driver = this.#options.newDriver();
    driver.on('error', (error) => this.#lose(driver, failureOf(error)));
    this.#enter('opening', driver);
    const { clock, timeoutMs } = this.#options;
    this.#cancelOpening = clock.after(timeoutMs, () =>
      this.#lose(driver, unavailable(`no connection within ${timeoutMs} ms`)),
    );
    void this.#prepare(driver);
  }

  async #prepare(driver: RedisDriver): Promise<void> {
    try {
      await driver.connect();
      // The driver was given up while it was connecting, so its socket must be closed now.
      if (this.#driver !== driver) return driver.destroy();
      await this.#options.prepare(this.#sender(driver));
    } catch (error) {
      this.#lose(driver, failureOf(error));
    }
    if (this.#driver !== driver) return;
    this.#failures = 0;
    this.#enter('ready', driver);
  }

  #lose(driver: RedisDriver, failure: Unavailable): void {
    if (this.#driver !== driver) return;
    this.#failure = failure;
    this.#enter('waiting', undefined);
    driver.destroy();
    const { clock, random } = this.#options;
    const backoffMs = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    this.#failures++;
    this.#cancelRetry = clock.after(Math.ceil(backoffMs * random()), () => this.#open());
  }

  #enter(state: 'opening' | 'ready' | 'waiting' | 'closed', driver: RedisDriver | undefined): void {
    assert(this.#state !== 'closed', 'a closed connection must stay closed');
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

  /** Answers come in order, so only the oldest command needs a timer. */
  async #watched(driver: RedisDriver, send: () => Promise<unknown>): Promise<unknown> {
    if (this.#driver !== driver) throw new Error(this.#failure.reason);
    if (this.#pending.size >= this.#options.pendingLimit)
      throw new Error('too many commands are waiting for Redis');
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
        this.#lose(this.#driver, unavailable(`no answer within ${this.#options.timeoutMs} ms`));
      }
    });
  }
}

function failureOf(error: unknown): Unavailable {
  const reason = errorReason(error);
  if (reason.startsWith(FROZEN)) return frozen(reason.slice(FROZEN.length));
  return error instanceof UnfitServer || ERROR_REPLY.test(reason) ? refused(reason) : unavailable(reason);
}
