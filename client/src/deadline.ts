/** The longest delay that timers of JavaScript can have. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;
const DEFAULT_TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 50;
const DELAY_MAX_MS = 2_000;

export interface CallOptions {
  /** The time limit of the whole call with everything that is repeated in it, by default 30 s. */
  readonly timeoutMs?: number;
  /** Ends the call early: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** When one call has to be over, with all its requests and the pauses between them. */
export class Deadline {
  readonly timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #endMs: number;

  constructor({ timeoutMs = DEFAULT_TIMEOUT_MS, signal }: CallOptions) {
    this.timeoutMs = checkedTimeoutMs('timeoutMs', timeoutMs);
    this.#signal = signal;
    this.#endMs = performance.now() + timeoutMs;
    this.throwIfAborted();
  }

  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /** Ends one request: after `limitMs`, at the end of the call, or when its signal does. */
  requestSignal(limitMs: number): AbortSignal {
    const timeout = AbortSignal.timeout(Math.ceil(Math.min(limitMs, this.leftMs)));
    return this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal]);
  }

  /** Sleeps, but not beyond the end of the call. */
  sleep(delayMs: number): Promise<void> {
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
        Math.min(delayMs, this.leftMs),
      );
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

/** Doubles with each attempt. At least half of it is random, so that clients that failed together part. */
export function delayMs(attempt: number): number {
  const boundMs = Math.min(DELAY_MAX_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 30));
  return (boundMs * (1 + Math.random())) / 2;
}

export function checkedTimeoutMs(name: string, timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS) return timeoutMs;
  throw new RangeError(`${name} must be above 0 and at most ${TIMEOUT_MAX_MS}, not ${timeoutMs}`);
}
