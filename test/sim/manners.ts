import type { Claim } from '../../src/ledger/ledger.ts';
import type { Timeline } from './timeline.ts';

/** An instance from one start to its end: it shares what it has heard with all its threads. */
type Life = object;

/** A thread of it: only its own claims lead to its calls. */
type Thread = object;

export type Request = 'pay' | 'find';

/** The longest rest that gateways in the simulator heed. */
export const REST_MAX_MS = 20_000;
const WINDOW_MS = 10_000;
/** Backoff, restarts and take-overs stay far below; a loop without backoff makes a request every few milliseconds. */
const REQUESTS_MAX = 100;

interface Rest {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Whether the gateways are polite: they heed the rests that processors ask for, and do not repeat requests too fast. */
export class Manners {
  readonly #timeline: Timeline;
  readonly #broken: (promise: string, correlationId: string) => void;
  readonly #rests = new WeakMap<Life, Map<string, Rest>>();
  /** Since when each processor is paused as a life has heard it, or null; an empty list: it has not heard yet. */
  readonly #pausedAtMs = new WeakMap<Life, readonly (number | null)[]>();
  /** When a thread last claimed the payment for a call that has not begun, by id. */
  readonly #claimedAtMs = new WeakMap<Thread, Map<string, number>>();
  /** The latest requests about each payment, by id. */
  readonly #requestsAtMs = new Map<string, number[]>();

  constructor(timeline: Timeline, broken: (promise: string, correlationId: string) => void) {
    this.#timeline = timeline;
    this.#broken = broken;
  }

  /** From its start, a life sends nothing before it has heard what is paused. */
  asksForPauses(life: Life): void {
    this.#pausedAtMs.set(life, []);
  }

  pausesHeard(life: Life, isPaused: readonly boolean[]): void {
    const before = this.#pausedAtMs.get(life);
    const since = (processor: number) => before?.[processor] ?? this.#timeline.nowMs;
    this.#pausedAtMs.set(
      life,
      isPaused.map((paused, processor) => (paused ? since(processor) : null)),
    );
  }

  /** A claim is about to be sent: the processor was chosen now. */
  claiming(thread: Thread, claims: readonly Claim[]): void {
    const claimedAtMs = this.#claimedAtMs.get(thread) ?? new Map<string, number>();
    this.#claimedAtMs.set(thread, claimedAtMs);
    for (const { correlationId } of claims) claimedAtMs.set(correlationId, this.#timeline.nowMs);
  }

  /** Returns when the request was decided. */
  requested(life: Life, thread: Thread, processor: number, request: Request, correlationId: string): number {
    const { nowMs } = this.#timeline;
    // Between claim and call, a payment is not called back. What is looked up had its call, or was another owner's.
    const claims = this.#claimedAtMs.get(thread);
    const claimedAtMs = (request === 'pay' ? claims?.get(correlationId) : undefined) ?? nowMs;
    claims?.delete(correlationId);
    const rest = this.#rests.get(life)?.get(`${request} ${processor}`);
    if (rest !== undefined && claimedAtMs > rest.fromMs && nowMs < rest.untilMs) {
      this.#broken(`processor ${processor} asked for a rest and got a ${request}`, correlationId);
    }
    if (request === 'pay') this.#paid(life, processor, claimedAtMs, correlationId);
    const requestsAtMs = this.#requestsAtMs.get(correlationId) ?? [];
    this.#requestsAtMs.set(correlationId, requestsAtMs);
    requestsAtMs.push(nowMs);
    while ((requestsAtMs[0] ?? nowMs) < nowMs - WINDOW_MS) requestsAtMs.shift();
    if (requestsAtMs.length > REQUESTS_MAX) {
      this.#broken(`more than ${REQUESTS_MAX} requests about one payment in ${WINDOW_MS} ms`, correlationId);
    }
    return claimedAtMs;
  }

  #paid(life: Life, processor: number, claimedAtMs: number, correlationId: string): void {
    const pausedAtMs = this.#pausedAtMs.get(life);
    if (pausedAtMs === undefined) return;
    if (pausedAtMs.length === 0)
      this.#broken('a payment was sent before it was known what is paused', correlationId);
    const sinceMs = pausedAtMs[processor] ?? null;
    if (sinceMs !== null && claimedAtMs > sinceMs)
      this.#broken(`processor ${processor} is paused and got a payment`, correlationId);
  }

  /** The processor asked for a rest in its answer to this request. An answer to a payment is about everything. */
  restAsked(life: Life, processor: number, request: Request, retryAfterMs: number): void {
    const rests = this.#rests.get(life) ?? new Map<string, Rest>();
    this.#rests.set(life, rests);
    const { nowMs } = this.#timeline;
    const untilMs = nowMs + Math.min(retryAfterMs, REST_MAX_MS);
    for (const about of request === 'pay' ? ['pay', 'find'] : ['find']) {
      const key = `${about} ${processor}`;
      const before = rests.get(key);
      // A rest that goes on began when it was asked for first.
      const goesOn = before !== undefined && nowMs < before.untilMs;
      const fromMs = goesOn ? before.fromMs : nowMs;
      rests.set(key, { fromMs, untilMs: Math.max(untilMs, goesOn ? before.untilMs : 0) });
    }
  }
}
