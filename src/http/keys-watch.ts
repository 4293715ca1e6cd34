import { readFile, stat } from 'node:fs/promises';
import type { ApiKey } from '../config/api-key.ts';
import { KEYS_FILE_MAX_BYTES, parseKeysFile } from '../config/keys-file.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import { Repeating } from '../core/repeating.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Keyring } from './keyring.ts';

export interface KeysWatchParts {
  readonly file: string;
  /** Keys that are not in the file. */
  readonly others: readonly ApiKey[];
  readonly keyring: Keyring;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 1000;

/**
 * Reads the file with API keys again when it changes. Each HTTP thread does so for itself. A file that is wrong or gone
 * changes nothing: the keys that are in force stay, and log and metrics say so.
 */
export class KeysWatch extends Repeating {
  readonly #parts: KeysWatchParts;
  /** What the file looked like when it was last read. */
  #seen = '';
  #isWrong = false;

  constructor(parts: KeysWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const { file } = this.#parts;
    let seen: string;
    let problems: readonly string[] = [];
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
      seen = [ino, size, mtimeNs, ctimeNs].join(' ');
      if (seen !== this.#seen) {
        if (size > KEYS_FILE_MAX_BYTES) problems = [`${file} is larger than ${KEYS_FILE_MAX_BYTES} bytes.`];
        else problems = this.#take(await readFile(file, 'utf8'));
      }
    } catch (error) {
      seen = errorReason(error);
      problems = [`${file} cannot be read: ${seen}.`];
    }
    if (seen !== this.#seen && !this.isStopped) this.#report(problems);
    this.#seen = seen;
    return LOOK_EVERY_MS;
  }

  /** Puts the keys of the file in force; or says why not. */
  #take(text: string): readonly string[] {
    const { file, keyring, others } = this.#parts;
    const reading = parseKeysFile(file, text);
    if (reading.kind === 'wrong') return reading.problems;
    keyring.replace([...reading.keys, ...others]);
    return [];
  }

  #report(problems: readonly string[]): void {
    const { metrics, log } = this.#parts;
    metrics.set('apiKeysWrong', problems.length === 0 ? 0 : 1);
    if (problems.length > 0)
      log.error({ problems }, 'the file with API keys is wrong: the keys that were in force stay in force');
    // The first look finds what was read at start.
    else if (this.#seen !== '' || this.#isWrong) log.info({}, 'API keys read again');
    this.#isWrong = problems.length > 0;
  }
}
