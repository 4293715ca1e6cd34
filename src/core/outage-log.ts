import type { Log } from './log.ts';

export interface OutageLogParts {
  readonly log: Log;
  /** What is said of it, such as the thread's seat. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly began: string;
  readonly ended: string;
}

/** Something that may fail again and again: it is told when that begins and when it is over, and not each time. */
export class OutageLog {
  readonly #parts: OutageLogParts;
  #times = 0;

  constructor(parts: OutageLogParts) {
    this.#parts = parts;
  }

  failed(reason: string): void {
    const { log, fields, began } = this.#parts;
    if (this.#times++ === 0) log.warn({ ...fields, reason }, began);
  }

  /** Free when there was none. `details` go into the line as well. */
  recovered(details?: Readonly<Record<string, unknown>>): void {
    if (this.#times === 0) return;
    const { log, fields, ended: over } = this.#parts;
    log.info({ ...fields, ...details, times: this.#times }, over);
    this.#times = 0;
  }
}
