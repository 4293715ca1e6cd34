import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Repeating } from '../core/repeating.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ProcessorControl, ProcessorControls } from '../ledger/processor-controls.ts';
import type { SharedState } from '../shared-memory/state.ts';

export interface ControlsWatchParts {
  readonly ledger: Pick<Ledger, 'processorControls'>;
  /** The names of the processors, in their order. */
  readonly names: readonly string[];
  readonly sharedState: SharedState;
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
    const { names, sharedState, log } = this.#parts;
    const shown = names.map((name) => {
      const { isPaused = false, fee = null } = controls.processors[name] ?? {};
      return { isPaused, fee };
    });
    const before = this.#known;
    this.#known = controls;
    sharedState.setControls(shown);
    for (const name of names) {
      const [was, is] = [before?.processors[name], controls.processors[name]];
      // At the start, what is not as configured is news.
      const wasPaused = was?.isPaused ?? false;
      const isPaused = is?.isPaused ?? false;
      const said = { processor: name, ...saidOf(is) };
      if (isPaused !== wasPaused) log.warn(said, isPaused ? 'processor paused' : 'processor resumed');
      const fee = is?.fee ?? null;
      if (JSON.stringify(fee) === JSON.stringify(was?.fee ?? null)) continue;
      log.warn({ ...said, ...fee }, fee === null ? 'the fee is as configured again' : 'the fee has changed');
    }
  }
}

function saidOf(control: ProcessorControl | undefined) {
  return control === undefined ? {} : { by: control.changedBy, reason: control.reason };
}
