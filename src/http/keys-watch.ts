import { readFile, stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ApiKey } from '../config/api-key.ts';
import { KEYS_FILE_MAX_BYTES, parseKeysFile } from '../config/keys-file.ts';
import type { Clock } from '../core/clock.ts';
import { type FilesReading, FileWatch } from '../core/file-watch.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Keyring } from './keyring.ts';

export interface KeysWatchParts {
  readonly file: string;
  /** Those of the file when this instance started. */
  readonly listed: readonly ApiKey[];
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
export class KeysWatch extends FileWatch {
  readonly #parts: KeysWatchParts;
  #listed: readonly ApiKey[];

  constructor(parts: KeysWatchParts) {
    const { file, metrics, clock, log } = parts;
    super({
      files: [file],
      lookEveryMs: LOOK_EVERY_MS,
      clock,
      log,
      began: 'the file with API keys is wrong: the keys in force stay in force',
      ended: 'the file with API keys is right again',
      onReading: (isWrong) => metrics.set('apiKeysWrong', isWrong ? 1 : 0),
    });
    this.#parts = parts;
    this.#listed = parts.listed;
  }

  protected override async read(): Promise<FilesReading> {
    const { file } = this.#parts;
    return { files: [file], problems: await this.#take(file) };
  }

  /** Puts the keys of the file in force; or says why not. */
  async #take(file: string): Promise<readonly string[]> {
    const { keyring, others, log } = this.#parts;
    let text: string;
    try {
      const { size } = await stat(file);
      if (size > KEYS_FILE_MAX_BYTES) return [`${file} is larger than ${KEYS_FILE_MAX_BYTES} bytes.`];
      text = await readFile(file, 'utf8');
    } catch (error) {
      return [`${file} cannot be read: ${errorReason(error)}.`];
    }
    const reading = parseKeysFile(file, text);
    if (reading.kind === 'wrong') return reading.problems;
    if (isDeepStrictEqual(reading.keys, this.#listed)) return [];
    this.#listed = reading.keys;
    keyring.replace([...reading.keys, ...others]);
    log.info({}, 'API keys replaced');
    return [];
  }
}
