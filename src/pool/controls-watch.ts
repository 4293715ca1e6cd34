import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import { type CallBounds, type Terms, termsInForce } from '../core/terms.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type ProcessorControl, type ProcessorControls, useOf } from '../ledger/processor-controls.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { AddedProcessors } from './added-processors.ts';

export interface ControlsWatchParts {
  readonly ledger: Pick<Ledger, 'processorControls'>;
  readonly added: Pick<AddedProcessors, 'targets' | 'hasProblems' | 'learn'>;
  readonly bounds: CallBounds;
  readonly sharedState: SharedState;
  /** Wakes the pool threads: what waits may be routed now. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What an operator changes holds within a second. Each look is one short read of the ledger. */
const LOOK_EVERY_MS = 500;
/** Until it is known for the first time, nothing can be sent. */
const LOOK_FIRST_EVERY_MS = 100;
/** How often a processor is tried that cannot be opened. Each time may read files and load a module. */
const OPEN_AGAIN_MS = 5000;

/**
 * Follows what operators decide about the processors, and shows it to all threads of the instance. While the ledger does
 * not answer, what was last known holds.
 */
export class ControlsWatch extends Repeating {
  readonly #parts: ControlsWatchParts;
  #known: ProcessorControls | null = null;
  #learnedAtMs = 0;

  constructor(parts: ControlsWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const reply = await this.#parts.ledger.processorControls();
    if (this.isStopped) return 0;
    // Restored books may have an earlier version.
    if (reply.kind === 'ok' && (reply.value.version !== this.#known?.version || this.#mayOpenAgain()))
      await this.#change(reply.value);
    return this.#known === null ? LOOK_FIRST_EVERY_MS : LOOK_EVERY_MS;
  }

  #mayOpenAgain(): boolean {
    const { added, clock } = this.#parts;
    return added.hasProblems && clock.monotonicMs() - this.#learnedAtMs >= OPEN_AGAIN_MS;
  }

  async #change(controls: ProcessorControls): Promise<void> {
    const { added, bounds, sharedState, onChange, clock } = this.#parts;
    await added.learn(controls);
    if (this.isStopped) return;
    this.#learnedAtMs = clock.monotonicMs();
    const { targets } = added;
    const before = this.#known;
    this.#known = controls;
    const terms = targets.map((target) => termsInForce(target, controls.processors[target.name], bounds));
    sharedState.setControls(
      targets.map(({ name }, processor) => {
        const use = useOf(controls.processors[name]);
        const inForce = terms[processor];
        if (inForce === undefined) return { use };
        // Nothing is routed there, and payments that only it takes count as not taken.
        return { use, terms: use === 'removed' ? { ...inForce, ...NO_AMOUNTS } : inForce };
      }),
    );
    onChange();
    for (const [processor, { name }] of targets.entries())
      this.#say(name, before?.processors[name], controls.processors[name], terms[processor]);
  }

  /** At the start, what is not as configured is news. */
  #say(
    name: string,
    was: ProcessorControl | undefined,
    is: ProcessorControl | undefined,
    terms: Terms | undefined,
  ): void {
    const { log, bounds } = this.#parts;
    const said = { processor: name, ...(is !== undefined && { by: is.by, why: is.why }) };
    if (useOf(is) !== useOf(was) && (useOf(is) === 'removed' || useOf(was) === 'removed'))
      log.warn(said, useOf(is) === 'removed' ? 'processor removed' : 'processor added again');
    const isPaused = is?.isPaused ?? false;
    if (isPaused !== (was?.isPaused ?? false))
      log.warn(said, isPaused ? 'processor paused' : 'processor resumed');
    const fee = is?.fee ?? null;
    if (!isDeepStrictEqual(fee, was?.fee ?? null))
      log.warn({ ...said, ...fee }, fee === null ? 'the fee is as configured again' : 'the fee has changed');
    const limits = is?.limits ?? {};
    if (isDeepStrictEqual(limits, was?.limits ?? {})) return;
    const isConfigured = Object.keys(limits).length === 0;
    log.warn(
      { ...said, ...limits },
      isConfigured ? 'the limits are as configured again' : 'the limits have changed',
    );
    const { callLimit } = limits;
    if (callLimit === undefined || callLimit === terms?.callLimit) return;
    log.warn(
      { processor: name, asked: callLimit, callLimit: terms?.callLimit },
      callLimit > bounds.callsMax
        ? 'the open-file limit (ulimit -n) is too low for the new limit of calls at once: it is reduced'
        : 'each pool thread has one call at least: the new limit of calls at once is raised',
    );
  }
}

/** Limits that no amount is within. */
const NO_AMOUNTS = { minAmountCents: 1, maxAmountCents: 0 } as const;
