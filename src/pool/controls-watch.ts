import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import { type CallBounds, type Terms, termsInForce } from '../core/terms.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ProcessorControl, ProcessorControls } from '../ledger/processor-controls.ts';
import type { SharedState } from '../shared-memory/state.ts';

export interface ControlsWatchParts {
  readonly ledger: Pick<Ledger, 'processorControls'>;
  /** The processors as configured, in their order. */
  readonly targets: readonly (Terms & { readonly name: string })[];
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

/**
 * Follows what operators decide about the processors, and shows it to all threads of the instance. While the ledger does
 * not answer, what was last known holds.
 */
export class ControlsWatch extends Repeating {
  readonly #parts: ControlsWatchParts;
  #known: ProcessorControls | null = null;

  constructor(parts: ControlsWatchParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const reply = await this.#parts.ledger.processorControls();
    if (this.isStopped) return 0;
    // Restored books may have an earlier version.
    if (reply.kind === 'ok' && reply.value.version !== this.#known?.version) this.#change(reply.value);
    return this.#known === null ? LOOK_FIRST_EVERY_MS : LOOK_EVERY_MS;
  }

  #change(controls: ProcessorControls): void {
    const { targets, bounds, sharedState, onChange } = this.#parts;
    const before = this.#known;
    this.#known = controls;
    const terms = targets.map((target) => termsInForce(target, controls.processors[target.name], bounds));
    sharedState.setControls(
      targets.map(({ name }, processor) => {
        const { isPaused = false } = controls.processors[name] ?? {};
        return { isPaused, ...(terms[processor] && { terms: terms[processor] }) };
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
