import type { Clock } from '../core/clock.ts';

/** How far an audit is; `of` is null where nothing tells how much there is to do. */
export interface AuditProgress {
  readonly phase: keyof typeof PHASES;
  readonly done: number;
  readonly of: number | null;
}

const PHASES = {
  totals: 'comparing totals, calls made',
  books: 'reading our books, payments read',
  lookups: 'looking up payments at the processors',
  again: 'looking once more at what differs',
  gateway: 'waiting for the audit of the gateway',
} as const;

/** Whoever waits that long wants to know what for. */
const FAILOVER_DELAY_MS = 2000;
const TERMINAL_EVERY_MS = 500;
/** Where each report is a line of its own, as in the log of a job. */
const LINE_EVERY_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressLineParts {
  readonly clock: Clock;
  /** On a terminal one line is written over and over, and taken away at the end. */
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
}

/** Tells how far an audit is, if it lasts. */
export class ProgressLine {
  readonly #parts: ProgressLineParts;
  readonly #beganMs: number;
  #progress: AuditProgress;
  #cancel: () => void = () => {};
  #isShown = false;

  constructor(parts: ProgressLineParts, first: AuditProgress) {
    this.#parts = parts;
    this.#progress = first;
    this.#beganMs = parts.clock.monotonicMs();
    this.#showAfter(FAILOVER_DELAY_MS);
  }

  update(progress: AuditProgress): void {
    this.#progress = progress;
  }

  stop(): void {
    this.#cancel();
    if (this.#isShown && this.#parts.isTerminal) this.#parts.write(CLEAR_LINE);
  }

  #showAfter(delayMs: number): void {
    const { clock, isTerminal, write } = this.#parts;
    this.#cancel = clock.after(delayMs, () => {
      this.#isShown = true;
      write(isTerminal ? `${CLEAR_LINE}${this.#text()}` : `${this.#text()}\n`);
      this.#showAfter(isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS);
    });
  }

  #text(): string {
    const { phase, done, of } = this.#progress;
    const count = done === 0 && of === null ? '' : `: ${done}${of === null ? '' : ` of ${of}`}`;
    const forS = Math.floor((this.#parts.clock.monotonicMs() - this.#beganMs) / 1000);
    return `audit: ${PHASES[phase]}${count} (${forS} s)`;
  }
}
