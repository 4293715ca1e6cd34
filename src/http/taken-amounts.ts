import { type AmountRange, takenAmounts } from '../config/amount-ranges.ts';
import type { Config } from '../config/config.ts';
import type { SharedState } from '../shared-memory/state.ts';

/**
 * The amounts that posts may have: those that some processor takes as configured, or has taken since this thread started.
 * What operators change widens them and never narrows them. A client that repeats a post that was accepted must not read
 * that it is refused, so a payment that no processor takes any more waits (docs/decisions/limits-while-running.md).
 */
export class TakenAmounts {
  /** The list of processors may grow. */
  readonly #config: Pick<Config, 'processors' | 'maxAmountCents'>;
  readonly #sharedState: SharedState;
  #ranges: readonly AmountRange[];
  #controlsRevision = 0;
  #processorCount: number;

  constructor(config: Pick<Config, 'processors' | 'maxAmountCents'>, sharedState: SharedState) {
    this.#config = config;
    this.#sharedState = sharedState;
    this.#ranges = takenAmounts(config.processors, config.maxAmountCents);
    this.#processorCount = config.processors.length;
  }

  /** False: operators may have decided that other amounts are taken, too. */
  get isKnown(): boolean {
    const { controlsRevision, processorCount } = this.#sharedState;
    return controlsRevision > 0 && this.#config.processors.length === processorCount;
  }

  /** Ascending, with gaps between them. */
  get ranges(): readonly AmountRange[] {
    const { controlsRevision } = this.#sharedState;
    const isSame = this.#config.processors.length === this.#processorCount;
    if (controlsRevision !== this.#controlsRevision || !isSame) this.#follow(controlsRevision);
    return this.#ranges;
  }

  #follow(controlsRevision: number): void {
    const { processors, maxAmountCents } = this.#config;
    this.#controlsRevision = controlsRevision;
    this.#processorCount = processors.length;
    const before = this.#ranges.map(({ minCents, maxCents }) => ({
      minAmountCents: minCents,
      maxAmountCents: maxCents,
    }));
    const now = processors.map((target, processor) => this.#sharedState.terms(processor) ?? target);
    this.#ranges = takenAmounts([...before, ...now], maxAmountCents);
  }
}
