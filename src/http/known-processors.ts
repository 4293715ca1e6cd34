import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { ProcessorDefinition } from '../ledger/processor-controls.ts';
import type { DefinitionTable } from '../shared-memory/definition-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { CallbackReader, Contracts } from './callbacks.ts';
import type { Definitions } from './definitions.ts';

export interface KnownProcessorsParts {
  /** The processors of the settings. */
  readonly configured: readonly ProcessorTarget[];
  readonly contracts: Contracts;
  readonly definitions: Pick<Definitions, 'describe'>;
  readonly table: DefinitionTable;
  readonly sharedState: SharedState;
  readonly clock: Clock;
}

/**
 * The processors of the instance as an HTTP thread knows them, in the order of the shared state: those of the settings, and
 * those that operators have added since. It knows no secrets of the latter.
 */
export class KnownProcessors {
  readonly #parts: KnownProcessorsParts;
  readonly #targets: ProcessorTarget[];
  readonly #readers: Map<string, CallbackReader>;
  #isStopped = false;

  constructor(parts: KnownProcessorsParts) {
    this.#parts = parts;
    this.#targets = [...parts.configured];
    this.#readers = new Map(parts.contracts.readers);
  }

  /** The list that grows, always the same one. */
  get targets(): readonly ProcessorTarget[] {
    return this.#targets;
  }

  get readers(): ReadonlyMap<string, CallbackReader> {
    return this.#readers;
  }

  /** Runs until it is stopped. Waiting does not keep a thread alive. */
  follow(): Promise<void> {
    const { table, sharedState, clock } = this.#parts;
    return table.follow({
      sharedState,
      isStopped: () => this.#isStopped,
      clock,
      take: (definition) => this.#add(definition),
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** False: the pool threads could read it, and this thread cannot now. */
  async #add(definition: ProcessorDefinition): Promise<boolean> {
    const { contracts, definitions } = this.#parts;
    const target = await definitions.describe(definition);
    if (target === null) return false;
    const reader = await contracts.open(target).catch(() => null);
    if (reader !== null) this.#readers.set(target.name, reader);
    this.#targets.push(target);
    return true;
  }
}
