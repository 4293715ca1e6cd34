import { type Clock, sleep } from '../core/clock.ts';

/** How often payments that wait for a processor are routed again. */
const ROUTE_AGAIN_MS = 25;
/** The pause between two full batches, so that a backlog does not monopolize a CPU. */
const BACKLOG_PAUSE_MS = 2;
/** The rest of the window once a call that took longer than the window has ended. */
const LATE_WINDOW_MS = 10;

export interface BatchWindowParts {
  readonly clock: Clock;
  /** How long payments gather before a turn; 0: a turn begins at once. */
  readonly windowMs: number;
  /** Resolves when there may be payments to take. */
  readonly sourceReady: () => Promise<void>;
  readonly isStopping: () => boolean;
}

/** The state in which a turn ended. */
export interface TurnEnd {
  /** The batch was full, so there is more to do at once. */
  readonly isBacklogged: boolean;
  readonly canTake: boolean;
  readonly hasQueued: boolean;
}

/**
 * Decides when the next turn of a pool thread begins.
 *
 * A turn has a fixed cost of about twenty payments, so payments and outcomes gather for `windowMs` after the first of
 * them. The batch window adds no client latency: the 202 has been sent.
 */
export class BatchWindow {
  readonly #parts: BatchWindowParts;
  #woken = Promise.withResolvers<void>();
  #sourceReady: Promise<void> | null = null;
  #isShortened = false;
  /** Shortens the open window; null while no window is open. */
  #shorten: (() => void) | null = null;

  constructor(parts: BatchWindowParts) {
    this.#parts = parts;
  }

  /** Something is ready for the next turn. */
  wake(): void {
    this.#woken.resolve();
  }

  /** A call has ended and took `tookMs`. */
  callEnded(tookMs: number): void {
    // The charge may have been in the processor's books for a while, and an auditor may already be comparing them.
    if (tookMs <= this.#parts.windowMs) return;
    this.#isShortened = true;
    this.#shorten?.();
  }

  /** Resolves when the next turn is to begin. */
  async nextTurn({ isBacklogged, canTake, hasQueued }: TurnEnd): Promise<void> {
    const { clock, windowMs, isStopping } = this.#parts;
    if (isBacklogged && !isStopping()) {
      if (windowMs > 0) await sleep(clock, Math.min(BACKLOG_PAUSE_MS, windowMs));
      return;
    }
    const waits = [this.#woken.promise];
    // When stopping, the ring is always ready: waiting for it would not wait for the calls in flight.
    if (canTake && !isStopping()) waits.push(this.#untilSourceReady());
    if (hasQueued || isStopping()) waits.push(sleep(clock, ROUTE_AGAIN_MS));
    await Promise.race(waits);
    if (windowMs > 0 && !isStopping()) await this.#gather();
    this.#isShortened = false;
    this.#woken = Promise.withResolvers<void>();
  }

  #untilSourceReady(): Promise<void> {
    this.#sourceReady ??= this.#parts.sourceReady().then(() => {
      this.#sourceReady = null;
    });
    return this.#sourceReady;
  }

  #gather(): Promise<void> {
    const { clock, windowMs } = this.#parts;
    const lateWindowMs = Math.min(LATE_WINDOW_MS, windowMs);
    return new Promise((resolve) => {
      const end = () => {
        this.#shorten = null;
        resolve();
      };
      const cancel = clock.after(this.#isShortened ? lateWindowMs : windowMs, end);
      this.#shorten = () => {
        this.#shorten = null;
        cancel();
        clock.after(lateWindowMs, end);
      };
    });
  }
}
