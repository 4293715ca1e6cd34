import type { Clock } from '../core/clock.ts';
import { Repeating } from '../core/repeating.ts';
import { ExclusiveBookmark } from '../ledger/exclusive-bookmark.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ProcessorEvent } from '../ledger/outbox.ts';
import type { SharedState } from '../shared-memory/state.ts';

export interface CircuitWatchParts {
  readonly ledger: Pick<Ledger, 'bookmark' | 'setBookmark'>;
  /** The names of the processors, in the order of the shared state. It may grow. */
  readonly names: readonly string[];
  readonly instanceId: string;
  /** Names this watch among those of all instances and their lives. */
  readonly holder: string;
  readonly sharedState: SharedState;
  readonly clock: Clock;
}

/** What the events say so far. */
interface Reported {
  /** Who observes; empty: any instance may. */
  readonly holder: string;
  /** The processors whose circuits are open, by name. */
  readonly open: readonly string[];
}

/** A state that lasts less may get no event. */
const LOOK_EVERY_MS = 1000;
/** How often the holder says that it lives. */
const RENEW_MS = 5000;
/** A holder that is silent for longer is replaced. */
const SILENCE_MAX_MS = 15_000;

/**
 * Writes an event when a processor stops working, and when it works again. Circuit breakers belong to instances, and each
 * knows only its own, so one instance at a time observes for the deployment and reports its own circuits
 * (docs/decisions/events-of-circuits.md). A bookmark of the ledger says what events have reported; the same commit changes
 * it and writes the events.
 */
export class CircuitWatch extends Repeating {
  readonly #parts: CircuitWatchParts;
  readonly #bookmark: ExclusiveBookmark;
  /** Null: another instance observes. */
  #reported: Reported | null = null;

  constructor(parts: CircuitWatchParts) {
    super(parts.clock);
    this.#parts = parts;
    this.#bookmark = new ExclusiveBookmark({ ...parts, name: 'circuits', silenceMaxMs: SILENCE_MAX_MS });
  }

  /** Lets another instance continue at once. */
  async release(): Promise<void> {
    this.stop();
    if (this.#reported !== null) await this.#save({ ...this.#reported, holder: '' }, []);
    this.#reported = null;
  }

  protected override async work(): Promise<number> {
    if (this.#reported === null) await this.#watch();
    else await this.#observe(this.#reported);
    return LOOK_EVERY_MS;
  }

  async #watch(): Promise<void> {
    const reply = await this.#bookmark.look();
    if (reply.kind === 'unavailable' || this.isStopped) return;
    const { version, text, isSilent } = reply.value;
    const reported = version === 0 ? NOTHING : (JSON.parse(text) as Reported);
    // After a write whose answer was lost, the holder is this instance.
    const isFree = reported.holder === '' || reported.holder === this.#parts.holder;
    if (!isFree && !isSilent) return;
    this.#bookmark.take({ version });
    await this.#save({ ...reported, holder: this.#parts.holder }, []);
  }

  async #observe(reported: Reported): Promise<void> {
    const { names, instanceId: instance, clock } = this.#parts;
    const events = names.flatMap((name, processor): ProcessorEvent[] => {
      const isReported = reported.open.includes(name);
      if (!isReported && this.#isOpen(processor))
        return [{ type: 'processor.circuit-opened', processor: name, instance }];
      if (isReported && this.#isSeenWell(processor))
        return [{ type: 'processor.circuit-closed', processor: name, instance }];
      return [];
    });
    if (events.length === 0 && clock.monotonicMs() - this.#bookmark.savedAtMs < RENEW_MS) return;
    const changed = new Set(events.map(({ processor }) => processor));
    const open = [...reported.open.filter((name) => !changed.has(name)), ...openedBy(events)];
    await this.#save({ ...reported, open }, events);
  }

  #isOpen(processor: number): boolean {
    const { sharedState } = this.#parts;
    return sharedState.breakerOpen(processor) && sharedState.use(processor) !== 'removed';
  }

  /** The breakers of an instance begin closed: that alone does not say that a processor works. */
  #isSeenWell(processor: number): boolean {
    const { sharedState } = this.#parts;
    if (this.#isOpen(processor)) return false;
    const hasWorked = sharedState.succeededAtMs(processor) > 0 || sharedState.closedAtMs(processor) > 0;
    return hasWorked || sharedState.reported(processor)?.failing === false;
  }

  async #save(reported: Reported, events: readonly ProcessorEvent[]): Promise<void> {
    this.#reported = (await this.#bookmark.save(JSON.stringify(reported), events)) ? reported : null;
  }
}

const NOTHING: Reported = { holder: '', open: [] };

function openedBy(events: readonly ProcessorEvent[]): readonly string[] {
  return events.filter(({ type }) => type === 'processor.circuit-opened').map(({ processor }) => processor);
}
