import type { Log } from './log.ts';

export interface OutageLogParts {
  readonly log: Log;
  /** Added to each line, such as the worker id. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly began: string;
  readonly ended: string;
}

/** Logs when something begins to fail and when it works again, instead of every failure. */
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

  /** Costs nothing if nothing failed before. `details` are added to the line. */
  recovered(details?: Readonly<Record<string, unknown>>): void {
    if (this.#times === 0) return;
    const { log, fields, ended } = this.#parts;
    log.info({ ...fields, ...details, times: this.#times }, ended);
    this.#times = 0;
  }
}
