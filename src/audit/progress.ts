import type { Clock } from '../core/clock.ts';

/** Progress of an audit; `of` is null if the total is unknown. */
export interface AuditProgress {
  readonly phase: keyof typeof PHASES;
  readonly done: number;
  readonly of: number | null;
}

const PHASES = {
  totals: 'comparing totals, calls made',
  books: 'reading our books, payments read',
  lookups: 'looking up payments at the processors',
  again: 'checking differences again',
  gateway: 'waiting for the audit of the gateway',
} as const;

/** Shorter audits report no progress. */
const FIRST_REPORT_MS = 2000;
const TERMINAL_EVERY_MS = 500;
/** Elsewhere each report is a line of its own, as in the log of a job. */
const LINE_EVERY_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

export interface ProgressLineParts {
  readonly clock: Clock;
  /** On a terminal one line is updated in place, and cleared at the end. */
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
}

/** Reports the progress of an audit that takes longer than two seconds. */
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
    this.#showAfter(FIRST_REPORT_MS);
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
