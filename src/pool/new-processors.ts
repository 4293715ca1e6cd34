import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ProcessorDefinition } from '../ledger/processor-controls.ts';
import type { Contract } from '../processor/contract.ts';
import type { DefinitionTable, FollowParts } from '../shared-memory/definition-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Opened } from './added-processors.ts';

export interface OpenedProcessor {
  readonly definition: ProcessorDefinition;
  readonly target: ProcessorTarget;
  readonly contract: Contract;
}

export interface NewProcessorsParts<Added> {
  readonly open: (definition: ProcessorDefinition) => Promise<Opened<Added>>;
  readonly ledger: Pick<Ledger, 'registerProcessor' | 'addProcessor'>;
  /** Adds it to the lists of this thread, at once: the ledger knows it from then on. */
  readonly onOpened: (added: Added) => void;
  readonly table: DefinitionTable;
  readonly sharedState: FollowParts['sharedState'] & Pick<SharedState, 'stopping'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the processors that operators add, one after the other, in one pool thread. Each becomes known to the ledger and to
 * the thread in the same moment: before that, no answer of the ledger names it, and nothing is claimed for it.
 */
export class NewProcessors<Added> {
  readonly #parts: NewProcessorsParts<Added>;
  readonly #outage: OutageLog;

  constructor(parts: NewProcessorsParts<Added>) {
    this.#parts = parts;
    this.#outage = new OutageLog({
      log: parts.log,
      began: 'this thread cannot use a processor that was added, and tries again',
      ended: 'this thread uses the processor that was added',
    });
  }

  /** Runs until the shared state says stop. Waiting does not keep a thread alive. */
  run(): Promise<void> {
    const { table, sharedState, clock } = this.#parts;
    return table.follow({
      sharedState,
      isStopped: () => sharedState.stopping,
      clock,
      take: (definition) => this.#open(definition),
    });
  }

  async #open(definition: ProcessorDefinition): Promise<boolean> {
    const { open, ledger, onOpened, sharedState } = this.#parts;
    const name = String(definition['name']);
    const opened = await open(definition);
    if (opened.kind === 'failed') return this.#failed(opened.problem);
    const reply = await ledger.registerProcessor(name);
    if (reply.kind === 'unavailable') return this.#failed(reply.reason);
    if (sharedState.stopping) return false;
    ledger.addProcessor(name);
    onOpened(opened.target);
    this.#outage.recovered({ processor: name });
    return true;
  }

  #failed(reason: string): false {
    this.#outage.failed(reason);
    return false;
  }
}
