import { isDeepStrictEqual } from 'node:util';
import type { ProcessorsReading } from '../config/config.ts';
import { withCredentialsOf } from '../config/credentials.ts';
import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import { type FilesReading, FileWatch } from '../core/file-watch.ts';
import type { Log } from '../core/log.ts';
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
export class CredentialsWatch extends FileWatch {
  readonly #parts: CredentialsWatchParts;
  #targets: readonly ProcessorTarget[];
  readonly #added: ProcessorDefinition[] = [];

  constructor(parts: CredentialsWatchParts) {
    const { files, metrics, clock, log } = parts;
    super({
      files,
      lookEveryMs: LOOK_EVERY_MS,
      clock,
      log,
      began: 'the processors cannot be read again: the credentials in force stay in force',
      ended: 'the processors can be read again',
      onReading: (isWrong) => metrics.set('credentialsOutdated', isWrong ? 1 : 0),
    });
    this.#parts = parts;
    this.#targets = parts.targets;
  }

  /** A processor that operators have added is in use. */
  added(definition: ProcessorDefinition, target: ProcessorTarget): void {
    this.#added.push(definition);
    this.#targets = [...this.#targets, target];
    this.readAgain();
  }

  protected override async read(): Promise<FilesReading> {
    const reading = this.#parts.read(this.#added);
    const problems = reading.kind === 'wrong' ? reading.problems : await this.#take(reading.processors);
    // Those that it names now are looked at next time, also if this reading is of no use.
    return { files: reading.processorFiles, problems };
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
}
