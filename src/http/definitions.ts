import { withoutSecrets } from '../config/credentials.ts';
import type { ProcessorTarget } from '../config/processor-target.ts';
import { type Clock, LATE, within } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import { isSetupError } from '../core/setup-error.ts';
import type { ProcessorDefinition } from '../ledger/processor-controls.ts';
import type { Contracts } from './callbacks.ts';

export type Checked =
  | { readonly kind: 'ok'; readonly target: ProcessorTarget }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

const OPEN_MAX_MS = 5000;
const NOT_LOADED = `its contract has not loaded within ${OPEN_MAX_MS / 1000} s`;

/** Reads the definitions of processors that operators add. What reads files is loaded with the first one. */
export class Definitions {
  readonly #contracts: Pick<Contracts, 'open'>;
  readonly #environment: Environment;
  readonly #clock: Clock;
  /** By their texts. */
  readonly #described = new Map<string, ProcessorTarget>();

  constructor(contracts: Pick<Contracts, 'open'>, environment: Environment, clock: Clock) {
    this.#contracts = contracts;
    this.#environment = environment;
    this.#clock = clock;
  }

  /** The processor without its secrets; null: it cannot be one here. */
  async describe(definition: ProcessorDefinition): Promise<ProcessorTarget | null> {
    const text = JSON.stringify(definition);
    const known = this.#described.get(text);
    if (known !== undefined) return known;
    const { readAddedProcessor } = await import('../config/config.ts');
    const reading = readAddedProcessor(withoutSecrets(definition), this.#environment);
    if (reading.kind === 'wrong') return null;
    this.#described.set(text, reading.processor);
    return reading.processor;
  }

  /** Whether this instance can use it: its members, its credentials and its contract. */
  async check(definition: ProcessorDefinition): Promise<Checked> {
    const { readAddedProcessor } = await import('../config/config.ts');
    const reading = readAddedProcessor(definition, this.#environment);
    if (reading.kind === 'wrong') return reading;
    try {
      const opened = await within(this.#clock, OPEN_MAX_MS, this.#contracts.open(reading.processor));
      if (opened === LATE) return { kind: 'wrong', problems: [NOT_LOADED] };
    } catch (error) {
      if (isSetupError(error)) return { kind: 'wrong', problems: [error.message] };
      throw error;
    }
    return { kind: 'ok', target: reading.processor };
  }
}
