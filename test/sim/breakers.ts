import { CircuitBreakers, type CircuitBreakersParts } from '../../src/pool/circuit-breakers.ts';

/** Circuit breakers that tell when a health answer says that a processor is well. */
export class WatchedBreakers extends CircuitBreakers {
  readonly #onWell: (processor: number) => void;

  constructor(parts: CircuitBreakersParts, onWell: (processor: number) => void) {
    super(parts);
    this.#onWell = onWell;
  }

  override reported(processor: number, failing: boolean, minResponseTimeMs: number): void {
    if (!failing) this.#onWell(processor);
    super.reported(processor, failing, minResponseTimeMs);
  }
}
