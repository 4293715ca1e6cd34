import type { Clock } from '../../src/core/clock.ts';
import type { Timeline } from './timeline.ts';

/** The wall clock of a machine: its epoch and its error. */
export interface WallClock {
  offsetMs: number;
}

const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * Something that runs code and can be killed or suspended: an instance or one of its threads. It calls `touch` before
 * each visible action; everything that happens to it comes through `deliver` or `after`. Once killed, its code may still
 * run to the end of the current step, but has no visible effect.
 */
export class Scope implements Clock {
  readonly #timeline: Timeline;
  readonly #wall: WallClock;
  readonly #parent: Scope | null;
  readonly #onKilled: (() => void)[] = [];
  #alive = true;
  #stopped = false;
  /** Events that became due while it was suspended. */
  #backlog: (() => void)[] = [];
  /** Touches until it dies; usually infinite. */
  #touchesLeft = Number.POSITIVE_INFINITY;
  #onlyInWrites = false;
  /** Touches until it is suspended. */
  #touchesToStop = Number.POSITIVE_INFINITY;

  constructor(timeline: Timeline, wall: WallClock, parent: Scope | null = null) {
    this.#timeline = timeline;
    this.#wall = wall;
    this.#parent = parent;
  }

  /** A thread of this process: it can die alone, and is suspended and killed together with the process. */
  child(): Scope {
    return new Scope(this.#timeline, this.#wall, this);
  }

  get alive(): boolean {
    return this.#alive && (this.#parent?.alive ?? true);
  }

  nowMs(): number {
    return EPOCH_MS + this.#timeline.nowMs + this.#wall.offsetMs;
  }

  /** Does not start at 0, because 0 means 'none' in places. */
  monotonicMs(): number {
    return 1_000_000 + this.#timeline.nowMs;
  }

  stopwatchMs(): number {
    return this.#timeline.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    // Cancelled, it does not run, even if it became due during a suspension.
    let isCancelled = false;
    const cancel = this.#timeline.after(Math.max(1, delayMs), () =>
      this.deliver(() => (isCancelled ? undefined : run())),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  /** Runs `work` now, after the suspension, or, if this is dead, never. */
  deliver(run: () => void): void {
    if (!this.alive) return;
    const root = this.#parent ?? this;
    if (root.#stopped) root.#backlog.push(() => this.deliver(run));
    else run();
  }

  /** To be called before each visible action. Returns whether this is still alive to perform it. */
  touch(inWrite = false): boolean {
    const root = this.#parent ?? this;
    if ((inWrite || !root.#onlyInWrites) && root.#touchesLeft-- <= 0) root.kill();
    if (root.#touchesToStop-- === 0) root.stop();
    return this.alive;
  }

  /** Dies after this many more touches, possibly in the middle of a step. */
  killAfter(touches: number, onlyInWrites: boolean): void {
    this.#touchesLeft = touches;
    this.#onlyInWrites = onlyInWrites;
  }

  /** Is suspended right after this many more touches. */
  stopAfter(touches: number): void {
    this.#touchesToStop = touches;
  }

  onKilled(run: () => void): void {
    this.#onKilled.push(run);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#backlog = [];
    for (const run of this.#onKilled) run();
  }

  /** SIGSTOP. */
  stop(): void {
    this.#stopped = true;
  }

  /** SIGCONT: everything that became due meanwhile happens at once, in order. */
  go(): void {
    this.#stopped = false;
    this.#touchesToStop = Number.POSITIVE_INFINITY;
    const backlog = this.#backlog;
    this.#backlog = [];
    this.#runNext(backlog, 0);
  }

  #runNext(backlog: readonly (() => void)[], index: number): void {
    const run = backlog[index];
    if (run === undefined) return;
    this.#timeline.after(0, () => {
      run();
      this.#runNext(backlog, index + 1);
    });
  }
}

/** A connection: messages arrive later, in the order they were sent. */
export class Channel {
  readonly #timeline: Timeline;
  readonly #underway: (() => void)[] = [];
  #lastMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  send(delayMs: number, arrive: () => void): void {
    this.#underway.push(arrive);
    this.#lastMs = Math.max(this.#lastMs, this.#timeline.nowMs + delayMs);
    this.#timeline.after(this.#lastMs - this.#timeline.nowMs, () => this.#underway.shift()?.());
  }
}
