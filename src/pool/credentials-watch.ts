import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ProcessorsReading } from '../config/config.ts';
import { withCredentialsOf } from '../config/credentials.ts';
import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { errorReason } from '../core/reason.ts';
import { Repeating } from '../core/repeating.ts';
import { isSetupError } from '../core/setup-error.ts';
import type { ProcessorDefinition } from '../ledger/processor-controls.ts';
import type { HttpProcessor } from '../processor/client.ts';
import { openContractOf } from '../processor/open-contract.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';

export interface CredentialsWatchParts {
  /** The files that the processors come from. */
  readonly files: readonly string[];
  /** As they are now, with these that operators have added. */
  readonly read: (added: readonly ProcessorDefinition[]) => ProcessorsReading;
  /** As they are in force. */
  readonly targets: readonly ProcessorTarget[];
  readonly callsMax: number;
  /** In the same order, with those that were `added` since. */
  readonly processors: readonly Pick<HttpProcessor, 'replace'>[];
  readonly breakers: Pick<CircuitBreakers, 'tryAgain'>;
  readonly sharedState: SharedState;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  /** Null: another thread of the instance logs. */
  readonly log: Log | null;
}

/** New credentials are in force within a second. Each look asks the system for the times of a few files. */
const LOOK_EVERY_MS = 500;

/**
 * Reads the credentials of the processors again when their files change, and puts them in force for the next requests. Each
 * pool thread does so for itself. A file that is wrong, gone, or differs in more than credentials changes nothing: what is
 * in force stays, and log and metrics say so.
 */
export class CredentialsWatch extends Repeating {
  readonly #parts: CredentialsWatchParts;
  #targets: readonly ProcessorTarget[];
  #files: readonly string[];
  /** What the files looked like when they were last read. */
  #seen = '';
  #problems: readonly string[] = [];
  readonly #added: ProcessorDefinition[] = [];

  constructor(parts: CredentialsWatchParts) {
    super(parts.clock);
    this.#parts = parts;
    this.#targets = parts.targets;
    this.#files = parts.files;
  }

  /** A processor that operators have added is in use, with the credentials that these files have. */
  added(definition: ProcessorDefinition, target: ProcessorTarget, files: readonly string[]): void {
    this.#added.push(definition);
    this.#targets = [...this.#targets, target];
    this.#files = [...this.#files, ...files];
  }

  protected override async work(): Promise<number> {
    const seen = await appearance(this.#files);
    if (seen === this.#seen || this.isStopped) return LOOK_EVERY_MS;
    this.#seen = seen;
    const reading = this.#parts.read(this.#added);
    // Those that it names now are looked at next time, also if this reading is of no use.
    this.#files = reading.processorFiles;
    this.#report(reading.kind === 'wrong' ? reading.problems : await this.#take(reading.processors));
    return LOOK_EVERY_MS;
  }

  /** Puts the credentials in force: all of them, or none and the reason. */
  async #take(read: readonly ProcessorTarget[]): Promise<readonly string[]> {
    const { callsMax, processors, breakers, sharedState, clock, log } = this.#parts;
    const change = withCredentialsOf(this.#targets, read, callsMax);
    if (change.kind === 'refused') return [change.problem];
    const readAtMs = clock.nowMs();
    const changed = [...change.processors.entries()].filter(
      ([processor, target]) => !isDeepStrictEqual(target, this.#targets[processor]),
    );
    try {
      const opened = await Promise.all(
        changed.map(async ([processor, { name, tls, ...target }]) => {
          const contract = await openContractOf({ name, ...target });
          return { processor, name, contract, tls };
        }),
      );
      for (const { processor, name, contract, tls } of opened) {
        processors[processor]?.replace(contract, tls);
        breakers.tryAgain(processor);
        log?.info({ processor: name }, 'credentials replaced');
      }
    } catch (error) {
      if (isSetupError(error)) return [error.message];
      throw error;
    }
    // One may have been added meanwhile.
    this.#targets = this.#targets.map((target, processor) => change.processors[processor] ?? target);
    sharedState.credentialsAtMs = readAtMs;
    return [];
  }

  #report(problems: readonly string[]): void {
    const { metrics, log } = this.#parts;
    metrics.set('credentialsOutdated', problems.length === 0 ? 0 : 1);
    if (isDeepStrictEqual(problems, this.#problems)) return;
    this.#problems = problems;
    if (problems.length > 0)
      log?.error({ problems }, 'the processors cannot be read again: the credentials in force stay in force');
    else log?.info({}, 'the processors can be read again');
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
