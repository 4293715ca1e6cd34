import assert from 'node:assert';
import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Terms } from '../core/terms.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { AmountClasses } from './amount-classes.ts';
import type { Calls } from './calls.ts';
import type { ClassQueues } from './class-queues.ts';

/** What the configuration says about a processor. */
export type DispatchTarget = Pick<ProcessorTarget, 'timeoutMs' | 'inDoubtHoldMs'> & Terms;

export interface TermsInForceParts {
  readonly sharedState: SharedState;
  /** In the order of the shared state. It may grow. */
  readonly targets: readonly DispatchTarget[];
  readonly classes: AmountClasses;
  readonly calls: Calls;
  readonly queue: ClassQueues;
}

/** The processors with the terms that are in force: those that the configuration gives them, or an operator since. */
export class TermsInForce {
  readonly #parts: TermsInForceParts;
  #targets: readonly DispatchTarget[];
  #controlsRevision = 0;

  constructor(parts: TermsInForceParts) {
    this.#parts = parts;
    this.#targets = [...parts.targets];
  }

  /** From now on, terms that an operator has changed hold, and processors that were added are known. */
  follow(): void {
    const { sharedState, targets, classes, calls, queue } = this.#parts;
    const revision = sharedState.controlsRevision;
    if (revision === this.#controlsRevision && targets.length === this.#targets.length) return;
    this.#controlsRevision = revision;
    this.#targets = targets.map((target, processor) => ({ ...target, ...sharedState.terms(processor) }));
    calls.follow(this.#targets);
    if (classes.update(this.#targets)) queue.reclassify();
  }

  of(processor: number): DispatchTarget {
    const target = this.#targets[processor];
    assert.ok(target !== undefined);
    return target;
  }

  takes(processor: number, amountCents: number): boolean {
    const { minAmountCents, maxAmountCents } = this.of(processor);
    return amountCents >= minAmountCents && amountCents <= maxAmountCents;
  }
}
