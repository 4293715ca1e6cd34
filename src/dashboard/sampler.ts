import type { Clock } from '../clock.ts';
import type { Ledger, OwnerRecord } from '../ledger/ledger.ts';
import type { Totals } from '../payment.ts';
import type { Board } from '../pool/board.ts';
import type { Ring } from '../pool/ring.ts';
import type { DeploymentFigures, Frame, InstanceFigures, ProcessorFigures } from './frame.ts';

export interface SamplerParts {
  readonly board: Board;
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
  readonly settled: number;
}

/** The books as the ledger gave them last. */
interface Books {
  readonly atMs: number;
  readonly totals: readonly Totals[];
  readonly owners: readonly OwnerRecord[];
}

/** Reads what an instance shows in shared memory, without asking any thread, and now and then the ledger. */
export class Sampler {
  readonly #parts: SamplerParts;
  #counts: Counts | null = null;
  #books: Books | null = null;
  #earlierBooks: Books | null = null;
  #unavailable: string | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  /** What is to be seen now; rates are since the last call. */
  sample(): Frame {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    void this.#askLedger(nowMs);
    return {
      kind: 'frame',
      atMs: clock.nowMs(),
      instance: this.#instance(nowMs),
      processors: Array.from({ length: this.#parts.board.shape.processorCount }, (_, processor) =>
        this.#processor(processor, nowMs),
      ),
      deployment: this.#deployment(nowMs),
    };
  }

  #instance(nowMs: number): InstanceFigures {
    const { board, ring } = this.#parts;
    const before = this.#counts;
    const counts = { atMs: nowMs, accepted: board.counted('accepted'), settled: board.counted('settled') };
    this.#counts = counts;
    const perS = (counter: 'accepted' | 'settled') =>
      before === null ? null : rate(counts[counter] - before[counter], nowMs - before.atMs);
    return {
      state: this.#state(),
      acceptedPerS: perS('accepted'),
      settledPerS: perS('settled'),
      backlog: ring.size,
      backlogAgeMs: 0,
      accept: null,
      settlement: null,
    };
  }

  #state(): InstanceFigures['state'] {
    const { board, poolThreadCount } = this.#parts;
    if (board.stopping) return 'stopping';
    return board.threadsReady < poolThreadCount ? 'starting' : 'ready';
  }

  #processor(processor: number, nowMs: number): ProcessorFigures {
    const { board } = this.#parts;
    const reported = board.reported(processor);
    const oldestAtMs = board.oldestCallAtMs(processor);
    const { reason, sinceMs } = board.reason(processor);
    return {
      settledPerS: this.#settledPerS(processor),
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
      pinned: 0,
      reason,
      reasonAgeMs: reason === 'none' ? null : nowMs - sinceMs,
    };
  }

  #settledPerS(processor: number): number | null {
    const [now, before] = [this.#books, this.#earlierBooks];
    if (now === null || before === null) return null;
    const settled = (now.totals[processor]?.count ?? 0) - (before.totals[processor]?.count ?? 0);
    return rate(settled, now.atMs - before.atMs);
  }

  #deployment(nowMs: number): DeploymentFigures {
    const books = this.#books;
    const wallMs = this.#parts.clock.nowMs();
    return {
      unavailable: this.#unavailable,
      ageMs: books === null ? null : nowMs - books.atMs,
      totals: books?.totals ?? [],
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
    if (totals.kind === 'unavailable' || owners.kind === 'unavailable') {
      this.#unavailable = totals.kind === 'unavailable' ? totals.reason : 'it does not name its owners';
      return;
    }
    this.#unavailable = null;
    this.#earlierBooks = this.#books;
    this.#books = { atMs: clock.monotonicMs(), totals: totals.value, owners: owners.value };
  }
}

/** Per second, to one decimal; a counter that went back, as after a purge, counts as standing still. */
function rate(count: number, spanMs: number): number {
  return spanMs <= 0 ? 0 : Math.round((Math.max(0, count) * 10_000) / spanMs) / 10;
}
