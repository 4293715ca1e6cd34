import type { Clock } from '../core/clock.ts';
import { Repeating } from '../core/repeating.ts';
import {
  INSTANCE_CIRCUITS,
  instanceCircuitsText,
  readInstanceCircuits,
  type SeenCircuit,
} from '../ledger/instance-circuits.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SharedState } from '../shared-memory/state.ts';

export interface CircuitReportParts {
  readonly ledger: Pick<Ledger, 'bookmark' | 'setBookmark' | 'shards'>;
  /** The names of the processors, in the order of the shared state. It may grow. */
  readonly names: readonly string[];
  readonly instanceId: string;
  readonly sharedState: SharedState;
  readonly clock: Clock;
}

const LOOK_EVERY_MS = 1000;
/** How often it looks whether others have left its report in place. */
const LOOK_AGAIN_MS = 10_000;

/**
 * Shows the dashboards of all instances which circuits are open at this one. It writes when one of them has changed, and
 * drops instances that have no owner any more.
 */
export class CircuitReport extends Repeating {
  readonly #parts: CircuitReportParts;
  /** `circuits` with the moments of the monotonic clock, and with those of the wall clock. */
  #last: { readonly seen: string; readonly circuits: readonly SeenCircuit[] } | null = null;
  /** Null: what was seen last is not known to be in the ledger. */
  #sharedAtMs: number | null = null;

  constructor(parts: CircuitReportParts) {
    super(parts.clock);
    this.#parts = parts;
  }

  protected override async work(): Promise<number> {
    const nowMs = this.#parts.clock.monotonicMs();
    const circuits = this.#look();
    const isShared = this.#sharedAtMs !== null && nowMs - this.#sharedAtMs < LOOK_AGAIN_MS;
    if (!isShared) this.#sharedAtMs = (await this.#share(circuits)) ? nowMs : null;
    return LOOK_EVERY_MS;
  }

  #look(): readonly SeenCircuit[] {
    const { names, sharedState, clock } = this.#parts;
    const seen = names.flatMap((processor, at): SeenCircuit[] => {
      if (sharedState.use(at) === 'removed') return [];
      const state = sharedState.breaker(at);
      return state === 'closed'
        ? [{ processor, state, openedAtMs: null, why: '' }]
        : [{ processor, state, openedAtMs: sharedState.openedAtMs(at), why: sharedState.openedWhy(at) }];
    });
    const text = JSON.stringify(seen);
    if (this.#last?.seen === text) return this.#last.circuits;
    const wallAheadMs = clock.nowMs() - clock.monotonicMs();
    const circuits = seen.map((circuit) => {
      const { openedAtMs } = circuit;
      return { ...circuit, openedAtMs: openedAtMs === null ? null : Math.round(openedAtMs + wallAheadMs) };
    });
    this.#last = { seen: text, circuits };
    this.#sharedAtMs = null;
    return circuits;
  }

  /** Whether the ledger has these circuits now. */
  async #share(circuits: readonly SeenCircuit[]): Promise<boolean> {
    const { ledger, instanceId } = this.#parts;
    const before = await ledger.bookmark(INSTANCE_CIRCUITS);
    if (before.kind === 'unavailable') return false;
    const { version, text } = before.value;
    const reported = readInstanceCircuits(text);
    if (JSON.stringify(reported.get(instanceId)) === JSON.stringify(circuits)) return true;
    const owners = await ledger.shards[0]?.owners();
    if (owners?.kind !== 'ok' || this.isStopped) return false;
    const living = new Set(owners.value.map((owner) => owner.instanceId));
    const kept = [...reported].filter(([id]) => living.has(id) && id !== instanceId);
    const next = instanceCircuitsText(new Map([...kept, [instanceId, circuits]]));
    const reply = await ledger.setBookmark(INSTANCE_CIRCUITS, { version: version + 1, text: next });
    return reply.kind === 'ok' && reply.value;
  }
}
