import type { Clock } from '../core/clock.ts';
import type { Ledger, OwnerRecord, ProcessorTotals, StrandedPayments } from '../ledger/ledger.ts';
import type { Meters } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { Board } from '../shared-memory/state.ts';
import type { DeploymentFigures, Frame, InstanceFigures, ProcessorFigures } from './frame.ts';
import { RecentTimes } from './recent-times.ts';

export interface SamplerParts {
  readonly board: Board;
  readonly meters: Meters;
  readonly ring: Ring;
  readonly ledger: Ledger;
  readonly poolThreadCount: number;
  readonly clock: Clock;
}

/** How often the ledger is asked: it is every instance's, and may be far away. */
const LEDGER_EVERY_MS = 2000;

interface Counts {
  readonly atMs: number;
  readonly accepted: number;
  /** By processor. */
  readonly settled: readonly number[];
}

/** The books as the ledger gave them last. */
interface Books {
  readonly atMs: number;
  readonly totals: readonly ProcessorTotals[];
  readonly stranded: readonly StrandedPayments[];
  readonly owners: readonly OwnerRecord[];
}

/** Reads what an instance shows in shared memory, without asking any thread, and now and then the ledger. */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #acceptTimes = new RecentTimes();
  readonly #settlementTimes = new RecentTimes();
  #counts: Counts | null = null;
  #books: Books | null = null;
  #unavailable: string | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  /** What is to be seen now; rates are since the last call. */
  sample(): Frame {
    const { clock, board } = this.#parts;
    const nowMs = clock.monotonicMs();
    void this.#askLedger(nowMs);
    const before = this.#counts;
    const counts = this.#count(nowMs);
    this.#counts = counts;
    return {
      kind: 'frame',
      atMs: clock.nowMs(),
      instance: this.#instance(counts, before),
      processors: Array.from({ length: board.shape.processorCount }, (_, processor) =>
        this.#processor(processor, counts, before),
      ),
      deployment: this.#deployment(nowMs),
    };
  }

  #count(atMs: number): Counts {
    const { board, meters } = this.#parts;
    const settled = Array.from({ length: board.shape.processorCount }, (_, processor) =>
      meters.countedAt(processor, 'settled'),
    );
    return { atMs, accepted: meters.counted('accepted'), settled };
  }

  #instance(counts: Counts, before: Counts | null): InstanceFigures {
    const { meters, clock } = this.#parts;
    const oldestAtMs = this.#oldestHeldAtMs();
    return {
      state: this.#state(),
      acceptedPerS: rate(counts, before, ({ accepted }) => accepted),
      settledPerS: rate(counts, before, ({ settled }) => settled.reduce((sum, count) => sum + count, 0)),
      backlog: this.#backlog(),
      backlogAgeMs: oldestAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestAtMs),
      accept: this.#acceptTimes.read(meters.histogram('accept')),
      settlement: this.#settlementTimes.read(meters.histogram('settle')),
    };
  }

  #backlog(): number {
    const { ring, meters } = this.#parts;
    let backlog = ring.size;
    for (let thread = 0; thread < meters.shape.threadCount; thread++) backlog += meters.gauge(thread, 'held');
    return backlog;
  }

  #oldestHeldAtMs(): number | null {
    const { meters } = this.#parts;
    const momentsMs = Array.from({ length: meters.shape.threadCount }, (_, thread) =>
      meters.gauge(thread, 'oldestHeldAtMs'),
    );
    const held = momentsMs.filter((atMs) => atMs > 0);
    return held.length === 0 ? null : Math.min(...held);
  }

  #state(): InstanceFigures['state'] {
    const { board, poolThreadCount } = this.#parts;
    if (board.stopping) return 'stopping';
    return board.threadsReady < poolThreadCount ? 'starting' : 'ready';
  }

  #processor(processor: number, counts: Counts, before: Counts | null): ProcessorFigures {
    const { board, meters } = this.#parts;
    const nowMs = counts.atMs;
    const reported = board.reported(processor);
    const oldestAtMs = board.oldestCallAtMs(processor);
    const { reason, sinceMs } = board.reason(processor);
    return {
      settledPerS: rate(counts, before, ({ settled }) => settled[processor] ?? 0),
      breakerOpen: board.breakerOpen(processor),
      observedMs: Math.round(board.latencyMs(processor)),
      reported:
        reported === null
          ? null
          : {
              failing: reported.failing,
              minResponseTimeMs: reported.minResponseTimeMs,
              ageMs: nowMs - reported.atMs,
            },
      callsInFlight: board.callsInFlight(processor),
      oldestCallAgeMs: oldestAtMs === null ? null : nowMs - oldestAtMs,
      pinned: meters.pinned(processor),
      reason,
      reasonAgeMs: reason === 'none' ? null : nowMs - sinceMs,
    };
  }

  #deployment(nowMs: number): DeploymentFigures {
    const books = this.#books;
    const wallMs = this.#parts.clock.nowMs();
    return {
      unavailable: this.#unavailable,
      ageMs: books === null ? null : nowMs - books.atMs,
      totals: books?.totals ?? [],
      stranded: books?.stranded ?? [],
      seats: (books?.owners ?? []).map(({ instanceId, name, owner, leaseUntilMs }) => {
        return { instanceId, name, owner, leaseLeftMs: leaseUntilMs - wallMs };
      }),
    };
  }

  async #askLedger(nowMs: number): Promise<void> {
    if (nowMs - this.#askedAtMs < LEDGER_EVERY_MS) return;
    this.#askedAtMs = nowMs;
    const { ledger, clock } = this.#parts;
    const totals = await ledger.summary(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    const owners = await ledger.owners();
    const stranded = await ledger.stranded(clock.nowMs());
    if (totals.kind === 'unavailable') this.#unavailable = totals.reason;
    else if (owners.kind === 'unavailable') this.#unavailable = owners.reason;
    else if (stranded.kind === 'unavailable') this.#unavailable = stranded.reason;
    else {
      this.#unavailable = null;
      const atMs = clock.monotonicMs();
      this.#books = { atMs, totals: totals.value, stranded: stranded.value, owners: owners.value };
    }
  }
}

/** Per second, to one decimal; null without counts before these. */
function rate(counts: Counts, before: Counts | null, of: (counts: Counts) => number): number | null {
  if (before === null || counts.atMs <= before.atMs) return null;
  return Math.round(((of(counts) - of(before)) * 10_000) / (counts.atMs - before.atMs)) / 10;
}
