import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import { errorReason } from './reason.ts';
import { Repeating } from './repeating.ts';

export interface FileWatchParts {
  readonly files: readonly string[];
  readonly lookEveryMs: number;
  readonly clock: Clock;
  /** Null: another thread of the instance logs. */
  readonly log: Log | null;
  /** Logged with the problems of a reading; and when there are none any more. */
  readonly began: string;
  readonly ended: string;
  /** Called after each reading, with whether it had problems. */
  readonly onReading: (isWrong: boolean) => void;
}

export interface FilesReading {
  /** Those to look at from now on. */
  readonly files: readonly string[];
  /** Empty: what the files say is in force. Otherwise nothing has changed. */
  readonly problems: readonly string[];
}

/**
 * Reads files again when they change, and at every look while the last reading had problems: one that could not be read for
 * a moment looks the same afterwards. The first look reads them, too, because they may have changed since the start.
 */
export abstract class FileWatch extends Repeating {
  readonly #parts: FileWatchParts;
  #files: readonly string[];
  /** What the files looked like when they were last read. */
  #seen = '';
  #problems: readonly string[] = [];

  constructor(parts: FileWatchParts) {
    super(parts.clock);
    this.#parts = parts;
    this.#files = parts.files;
  }

  /** Reads the files and puts in force what they say. */
  protected abstract read(): Promise<FilesReading>;

  /** The next look reads the files, whatever they look like: there may be others. */
  protected readAgain(): void {
    this.#seen = '';
  }

  protected override async work(): Promise<number> {
    const { lookEveryMs } = this.#parts;
    const seen = await appearance(this.#files);
    if (this.isStopped || (seen === this.#seen && this.#problems.length === 0)) return lookEveryMs;
    this.#seen = seen;
    const { files, problems } = await this.read();
    this.#files = files;
    if (!this.isStopped) this.#report(problems);
    return lookEveryMs;
  }

  #report(problems: readonly string[]): void {
    const { log, began, ended, onReading } = this.#parts;
    onReading(problems.length > 0);
    if (isDeepStrictEqual(problems, this.#problems)) return;
    this.#problems = problems;
    if (problems.length > 0) log?.error({ problems }, began);
    else log?.info({}, ended);
  }
}

/** What tells whether files have changed. One that is missing has an appearance, too. */
async function appearance(files: readonly string[]): Promise<string> {
  const each = files.map(async (file) => {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      return [file, ino, size, mtimeNs, ctimeNs].join(' ');
    } catch (error) {
      return `${file} ${errorReason(error)}`;
    }
  });
  return (await Promise.all(each)).join('\n');
}
