import assert from 'node:assert';
import type { Clock } from '../../core/clock.ts';
import type { Call } from './call.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import type { Target } from './target.ts';

/** Shorter than the idle timeout of servers (Node 5 s, uWebSockets.js 10 s), so that they rarely close first. */
const IDLE_TIMEOUT_MS = 4000;
/**
 * How many connections are opened at a time. A server queues some hundred new ones (511 in most), and drops what comes
 * beyond: a burst of several threads would then wait a second or more for the kernel to try again.
 */
const OPENING_MAX = 32;
const READ_BYTES = 16_384;
const NO_HEADERS: ReadonlySet<string> = new Set();

export interface ConnectionsOptions {
  readonly target: Target;
  /** Maximum number of connections, now. */
  readonly count: () => number;
  readonly clock: Clock;
  /** Response headers to keep, in lower case. */
  readonly keptHeaders?: ReadonlySet<string>;
}

/**
 * A pool of connections to one server, opened on demand. A connection carries one call at a time, so that its failure
 * affects one payment only. The most recently used one is taken first, so that in quiet times the others reach their
 * idle timeout.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  #target: Target;
  readonly #deadlines: Deadlines;
  readonly #waiting = new Set<Call>();
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  /** Shared by all connections: each read is parsed before the next one. */
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #openingCount = 0;
  #wasReached = false;
  /** The latest TLS session. */
  #session: Buffer | null = null;
  #cancelSweep: (() => void) | null = null;
  #closed = false;

  constructor(options: ConnectionsOptions) {
    assert(options.count() >= 1);
    this.#options = options;
    this.#target = options.target;
    this.#deadlines = new Deadlines(options.clock, (call) => this.#expire(call));
  }

  /** Sends a call, now or when a connection is free. It ends by its deadline at the latest. */
  send(call: Call): void {
    if (this.#closed) {
      call.end('closed');
      return;
    }
    this.#deadlines.watch(call);
    const connection = this.#waiting.size === 0 ? this.#idle.pop() : undefined;
    if (connection !== undefined) {
      connection.carry(call);
      return;
    }
    this.#waiting.add(call);
    this.#pump();
  }

  /** New connections are opened to this target. Those that are there finish their calls and carry no others. */
  retarget(target: Target): void {
    this.#target = target;
    this.#session = null;
    for (const connection of [...this.#idle]) connection.destroy('replaced');
  }

  /** Closes all connections at once: calls in flight are cut off, and waiting ones are never sent. */
  close(): void {
    this.#closed = true;
    this.#cancelSweep?.();
    for (const call of this.#waiting) call.end('closed');
    this.#waiting.clear();
    for (const connection of this.#all) connection.destroy('closed');
    this.#deadlines.close();
  }

  #pump(): void {
    if (this.#waiting.size === 0) return;
    for (const call of this.#waiting) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      this.#waiting.delete(call);
      connection.carry(call);
    }
    const room = Math.min(this.#options.count() - this.#all.size, OPENING_MAX - this.#openingCount);
    const wanted = Math.min(room, this.#waiting.size - this.#openingCount);
    for (let opened = 0; opened < wanted; opened++) this.#open();
  }

  #open(): void {
    const { clock, keptHeaders = NO_HEADERS } = this.#options;
    const target = this.#target;
    this.#openingCount++;
    const connection: Connection = new Connection({
      target,
      clock,
      keptHeaders,
      buffer: this.#buffer,
      session: this.#session,
      onSession: (session) => {
        if (target === this.#target) this.#session = session;
      },
      wasReached: this.#wasReached,
      onOpen: () => {
        this.#wasReached = true;
        this.#openingCount--;
        this.#free(connection, target);
      },
      onFree: () => this.#free(connection, target),
      onOver: (call) => this.#deadlines.forget(call),
      onGone: (reason, wasOpen, isExhausted) => this.#gone(connection, reason, wasOpen, isExhausted),
    });
    this.#all.add(connection);
  }

  #free(connection: Connection, target: Target): void {
    if (target !== this.#target) {
      connection.destroy('replaced');
      return;
    }
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#idle.push(connection);
    this.#pump();
    this.#cancelSweep ??= this.#options.clock.after(IDLE_TIMEOUT_MS, () => this.#sweep());
  }

  #gone(connection: Connection, reason: string, wasOpen: boolean, isExhausted: boolean): void {
    this.#all.delete(connection);
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
    if (!wasOpen) {
      this.#openingCount--;
      this.#failWaiting(reason, isExhausted, this.#all.size > this.#openingCount ? 1 : this.#waiting.size);
    }
    if (!this.#closed) this.#pump();
  }

  /** A failed connection attempt fails one waiting call, or all of them if no other connection is open. */
  #failWaiting(reason: string, isExhausted: boolean, count: number): void {
    let left = count;
    for (const call of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(call);
      this.#deadlines.forget(call);
      call.end(reason, isExhausted);
    }
  }

  #expire(call: Call): void {
    const reason = `no answer within ${call.timeoutMs} ms`;
    this.#deadlines.forget(call);
    if (this.#waiting.delete(call)) {
      call.end(reason);
      return;
    }
    for (const connection of this.#all) {
      if (connection.call === call) connection.destroy(reason);
    }
  }

  #sweep(): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const old = this.#idle.filter(({ idleSinceMs }) => nowMs - idleSinceMs >= IDLE_TIMEOUT_MS);
    for (const connection of old) connection.destroy('idle');
    const [oldest] = this.#idle;
    this.#cancelSweep =
      oldest === undefined
        ? null
        : clock.after(IDLE_TIMEOUT_MS - (nowMs - oldest.idleSinceMs), () => this.#sweep());
  }
}
