import type { Log } from './log.ts';

export interface TroubleParts {
  readonly log: Log;
  /** What is said of it, such as the thread's seat. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly began: string;
  readonly over: string;
}

/** Something that may fail again and again: it is told when that begins and when it is over, and not each time. */
export class Trouble {
  readonly #parts: TroubleParts;
  #times = 0;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  happened(reason: string): void {
    const { log, fields, began } = this.#parts;
    if (this.#times++ === 0) log.warn({ ...fields, reason }, began);
  }

  /** Free when there was none. */
  passed(): void {
    if (this.#times === 0) return;
    const { log, fields, over } = this.#parts;
    log.info({ ...fields, times: this.#times }, over);
    this.#times = 0;
  }
}
