import type { Clock } from '../../src/core/clock.ts';
import type { Timeline } from './timeline.ts';

/** The wall clock of a machine: where the epoch lies, and by how much it is wrong. */
export interface WallClock {
  offsetMs: number;
}

const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * Something that runs code and can be killed or stopped: an instance, or a thread of it. What it does to the world
 * begins with `touch`; what happens to it comes through `deliver` or `after`. Killed, it does nothing any more,
 * although the code in it may still run to the end of its step: nobody can see it.
 */
export class Scope implements Clock {
  readonly #timeline: Timeline;
  readonly #wall: WallClock;
  readonly #parent: Scope | null;
  readonly #onKilled: (() => void)[] = [];
  #alive = true;
  #stopped = false;
  /** What has fallen due while it was stopped. */
  #backlog: (() => void)[] = [];
  /** Touches until it dies; infinite as a rule. */
  #touchesLeft = Number.POSITIVE_INFINITY;
  #onlyInWrites = false;
  /** Touches until it is stopped. */
  #touchesToStop = Number.POSITIVE_INFINITY;

  constructor(timeline: Timeline, wall: WallClock, parent: Scope | null = null) {
    this.#timeline = timeline;
    this.#wall = wall;
    this.#parent = parent;
  }

  /** A thread of this process: it can die alone, and stops and dies with it. */
  child(): Scope {
    return new Scope(this.#timeline, this.#wall, this);
  }

  get alive(): boolean {
    return this.#alive && (this.#parent?.alive ?? true);
  }

  nowMs(): number {
    return EPOCH_MS + this.#timeline.nowMs + this.#wall.offsetMs;
  }

  /** Not from zero: a moment of 0 means none in places. */
  monotonicMs(): number {
    return 1_000_000 + this.#timeline.nowMs;
  }

  stopwatchMs(): number {
    return this.#timeline.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#timeline.after(Math.max(1, delayMs), () => this.deliver(run));
  }

  /** Runs it now, or when it is no longer stopped, or never. */
  deliver(run: () => void): void {
    if (!this.alive) return;
    const root = this.#parent ?? this;
    if (root.#stopped) root.#backlog.push(() => this.deliver(run));
    else run();
  }

  /** To be asked before each act that the world can see: whether it is still alive to do it. */
  touch(inWrite = false): boolean {
    const root = this.#parent ?? this;
    if ((inWrite || !root.#onlyInWrites) && root.#touchesLeft-- <= 0) root.kill();
    if (root.#touchesToStop-- === 0) root.stop();
    return this.alive;
  }

  /** Dies in the middle of some step to come: when it has touched the world so many more times. */
  killAfter(touches: number, onlyInWrites: boolean): void {
    this.#touchesLeft = touches;
    this.#onlyInWrites = onlyInWrites;
  }

  /** Is stopped just after it has touched the world so many more times. */
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

  /** SIGCONT: all that has fallen due meanwhile happens at once, in its order. */
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

/** Bytes on a connection: they arrive later, in the order in which they were sent. */
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
