import assert from 'node:assert';
import type { Clock } from '../core/clock.ts';
import type { Terms } from '../core/terms.ts';
import {
  INSTANCE_CIRCUITS,
  type InstanceCircuits,
  readInstanceCircuits,
} from '../ledger/instance-circuits.ts';
import {
  type FeeTotals,
  type Ledger,
  type NoSum,
  type OwnerRecord,
  type ProcessorPayments,
  type ProcessorTotals,
  type Reply,
  SUM_TOO_LARGE,
} from '../ledger/ledger.ts';
import type { ProcessorControls } from '../ledger/processor-controls.ts';
import { BOOKS_STATUSES, type Gauge, type MetricsTable } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import type { SegmentTable } from '../shared-memory/segment-table.ts';
import type { BreakerState, SharedState, Use } from '../shared-memory/state.ts';
import { canClaim, conditions } from './conditions.ts';
import type {
  BooksFigures,
  DeploymentFigures,
  Frame,
  Hello,
  InstanceCircuit,
  InstanceFigures,
  ProcessorFigures,
} from './frame.ts';
import { RecentTimes } from './recent-times.ts';
import type { Situation } from './situation.ts';
import { workersOf } from './workers.ts';

export interface SamplerParts {
  readonly sharedState: SharedState;
  readonly metricsTable: MetricsTable;
  readonly ring: Ring;
  readonly segments: SegmentTable;
  readonly ledger: Ledger;
  readonly hello: Hello;
  readonly poolThreadCount: number;
  readonly confirmsAcceptance: boolean;
  readonly clock: Clock;
}

/** How often the ledger is read: all instances share it, and it may be remote. */
const LEDGER_EVERY_MS = 2000;
/** Maximum length of a reason: a driver's message may fill a page. */
const REASON_LIMIT = 200;

interface Counts {
  readonly atMs: number;
  readonly accepted: number;
  /** By processor. */
  readonly settled: readonly number[];
}

/** The circuit and the use of a processor. Its threads change them meanwhile, so that a frame looks once. */
interface ProcessorState {
  readonly name: string;
  readonly use: Use;
  readonly breaker: BreakerState;
  /** How long ago it last opened and closed; null: never. */
  readonly openedAgeMs: number | null;
  readonly closedAgeMs: number | null;
  readonly openedWhy: string;
  readonly isUnfit: boolean;
  readonly restMs: number | null;
}

/** The last answers of the ledger. */
interface Books {
  readonly atMs: number;
  /** When the totals came, and when the owners did, by the wall clock. */
  readonly totalsAtMs: number;
  readonly ownersAtMs: number;
  readonly totals: readonly ProcessorTotals[];
  /** Why there are no totals; null: there are. */
  readonly noTotals: string | null;
  /** Since the answers before; null: there are none, or a purge was in between. */
  readonly settledPerS: number | null;
  readonly fees: readonly FeeTotals[];
  readonly stranded: readonly ProcessorPayments[];
  readonly controls: ProcessorControls;
  readonly owners: readonly OwnerRecord[];
  readonly circuits: InstanceCircuits;
}

/** Reads the state of an instance from shared memory, without asking any thread, and every two seconds the ledger. */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #acceptTimes = new RecentTimes();
  readonly #settlementTimes = new RecentTimes();
  #counts: Counts | null = null;
  #books: Books | null = null;
  #unavailable: string | null = null;
  /** Monotonic clock. */
  #unavailableAtMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** One question at a time, so that no late answer replaces a newer one. */
  #isAsking = false;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  /** The current frame; rates cover the time since the last call. */
  sample(): Frame {
    const { clock, hello } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#askedAtMs >= LEDGER_EVERY_MS && !this.#isAsking) {
      this.#askedAtMs = nowMs;
      void this.#askLedger(nowMs);
    }
    const before = this.#counts;
    const counts = this.#count(nowMs);
    this.#counts = counts;
    const states = hello.processors.map(({ name }, processor) => this.#look(name, processor, nowMs));
    const situation = this.#situation(nowMs, states);
    return {
      kind: 'frame',
      atMs: clock.nowMs(),
      instance: this.#instance(counts, before, situation),
      conditions: conditions(situation),
      processors: states.map((state, processor) => this.#processor(processor, state, counts, before)),
      deployment: this.#deployment(nowMs),
    };
  }

  #count(atMs: number): Counts {
    const { hello, metricsTable } = this.#parts;
    const settled = hello.processors.map((_, processor) => metricsTable.countedAt(processor, 'settled'));
    return { atMs, accepted: metricsTable.counted('accepted'), settled };
  }

  #situation(nowMs: number, states: readonly ProcessorState[]): Situation {
    const { ring, segments, hello, ledger, confirmsAcceptance, poolThreadCount, metricsTable } = this.#parts;
    const age = (atMs: number | null) => (atMs === null ? null : nowMs - atMs);
    const failingSinceMs = this.#oldest(['commitFailingSinceMs', 'leaseFailingSinceMs']);
    const unavailableAtMs = this.#unavailable === null ? null : this.#unavailableAtMs;
    const backlog = this.#backlog();
    return {
      state: this.#state(),
      backlog,
      backlogAgeMs: backlog === 0 ? 0 : this.#backlogAgeMs(),
      ledger: {
        kind: hello.ledger,
        unavailable: this.#unavailable,
        failingForMs: age(failingSinceMs ?? unavailableAtMs),
        shardCount: ledger.shards.length,
        shardsFailing: this.#greatest('shardsFailing'),
        confirmsAcceptance,
        books: BOOKS_STATUSES[metricsTable.gauge(0, 'booksStatus') - 1] ?? null,
      },
      threads: { count: poolThreadCount, withLease: this.#threadsWithLease(nowMs) },
      journal: {
        failingForMs: age(this.#oldest(['journalFailingSinceMs'])),
        usedSegments: segments.live().length,
        segmentCount: segments.segmentCount,
      },
      queue: { size: ring.capacity - ring.room, capacity: ring.capacity },
      processors: states
        .filter(({ use }) => use !== 'removed')
        .map(({ name, use, breaker, openedAgeMs, isUnfit, restMs }) => ({
          name,
          openForMs: breaker === 'closed' ? null : openedAgeMs,
          isUnfit,
          isPaused: use === 'paused',
          restMs,
        })),
      credentialsOutdated: this.#areCredentialsOutdated(),
      booksFullInMs: this.#booksFigures()?.fullInMs ?? null,
      failoverDelayMs: hello.failoverDelayMs,
      heldPayments: metricsTable.gauge(0, 'booksHeld'),
      processorsNotOpened: metricsTable.gauge(0, 'processorsNotOpened'),
      // The first HTTP thread delivers to webhooks.
      webhooksDisabled: metricsTable.gauge(poolThreadCount, 'webhooksDisabled'),
    };
  }

  #look(name: string, processor: number, nowMs: number): ProcessorState {
    const { sharedState } = this.#parts;
    const breaker = sharedState.breaker(processor);
    const closedAtMs = sharedState.closedAtMs(processor);
    const openedAtMs = sharedState.openedAtMs(processor);
    const age = (atMs: number) => (atMs === 0 ? null : nowMs - atMs);
    // A breaker opens before its moment is written: until then the moment is that of the time before, or none.
    const hasJustOpened = breaker !== 'closed' && (openedAtMs === 0 || openedAtMs < closedAtMs);
    return {
      name,
      use: sharedState.use(processor),
      breaker,
      openedAgeMs: hasJustOpened ? 0 : age(openedAtMs),
      closedAgeMs: age(closedAtMs),
      openedWhy: sharedState.openedWhy(processor),
      isUnfit: sharedState.isUnfit(processor),
      restMs: this.#restMs(processor, nowMs),
    };
  }

  #restMs(processor: number, nowMs: number): number | null {
    const leftMs = this.#parts.sharedState.restUntilMs(processor) - nowMs;
    return leftMs > 0 ? leftMs : null;
  }

  /** The greatest value of a gauge of the pool threads. */
  #greatest(name: Gauge): number {
    const { metricsTable, poolThreadCount } = this.#parts;
    return Math.max(
      ...Array.from({ length: poolThreadCount }, (_, thread) => metricsTable.gauge(thread, name)),
    );
  }

  #threadsWithLease(nowMs: number): number {
    const { metricsTable, poolThreadCount } = this.#parts;
    return Array.from({ length: poolThreadCount }, (_, thread) =>
      metricsTable.gauge(thread, 'leaseUntilMs'),
    ).filter((untilMs) => nowMs < untilMs).length;
  }

  #instance(counts: Counts, before: Counts | null, situation: Situation): InstanceFigures {
    const { metricsTable } = this.#parts;
    const { state, backlog, backlogAgeMs } = situation;
    return {
      state,
      canClaim: canClaim(situation),
      acceptedPerS: rate(counts, before, ({ accepted }) => accepted),
      settledPerS: rate(counts, before, ({ settled }) => settled.reduce((sum, count) => sum + count, 0)),
      backlog,
      backlogAgeMs,
      accept: this.#acceptTimes.read(metricsTable.histogram('accept')),
      settlement: this.#settlementTimes.read(metricsTable.histogram('settle')),
      credentials: this.#credentials(),
    };
  }

  #credentials(): InstanceFigures['credentials'] {
    const { sharedState, clock } = this.#parts;
    const { credentialsAtMs } = sharedState;
    if (credentialsAtMs === 0) return null;
    return { readAgeMs: clock.nowMs() - credentialsAtMs, outdated: this.#areCredentialsOutdated() };
  }

  #areCredentialsOutdated(): boolean {
    return this.#greatest('credentialsOutdated') > 0;
  }

  #backlog(): number {
    const { ring, metricsTable } = this.#parts;
    let backlog = ring.size;
    for (let thread = 0; thread < metricsTable.shape.threadCount; thread++)
      backlog += metricsTable.gauge(thread, 'inFlight');
    return backlog;
  }

  #backlogAgeMs(): number {
    const { ring, clock } = this.#parts;
    const acceptedAtMs = this.#oldest(['oldestInFlightAtMs']) ?? Number.POSITIVE_INFINITY;
    const queuedAtMs = ring.oldestAcceptedAtMs() ?? Number.POSITIVE_INFINITY;
    // Payments in the ring have only a wall-clock timestamp.
    const ageMs = Math.max(clock.monotonicMs() - acceptedAtMs, clock.nowMs() - queuedAtMs);
    return Math.max(0, ageMs);
  }

  /** The earliest moment in any of these gauges of any thread; null: all are zero. */
  #oldest(gauges: readonly Gauge[]): number | null {
    const { metricsTable } = this.#parts;
    let oldestMs: number | null = null;
    for (let thread = 0; thread < metricsTable.shape.threadCount; thread++) {
      for (const gauge of gauges) {
        const atMs = metricsTable.gauge(thread, gauge);
        if (atMs > 0 && (oldestMs === null || atMs < oldestMs)) oldestMs = atMs;
      }
    }
    return oldestMs;
  }

  #state(): InstanceFigures['state'] {
    const { sharedState, poolThreadCount } = this.#parts;
    if (sharedState.stopping) return 'stopping';
    return sharedState.threadsReady < poolThreadCount ? 'starting' : 'ready';
  }

  #processor(
    processor: number,
    state: ProcessorState,
    counts: Counts,
    before: Counts | null,
  ): ProcessorFigures {
    const { sharedState, metricsTable } = this.#parts;
    const nowMs = counts.atMs;
    const reported = sharedState.reported(processor);
    const callsInFlight = sharedState.callsInFlight(processor);
    const oldestAtMs = callsInFlight === 0 ? null : sharedState.oldestCallAtMs(processor);
    const { reason, sinceMs } = sharedState.reason(processor);
    const { feePpm, feeFixedCents, ...limits } = sharedState.terms(processor) ?? this.#configured(processor);
    return {
      settledPerS: rate(counts, before, ({ settled }) => settled[processor] ?? 0),
      paused: state.use === 'paused',
      removed: state.use === 'removed',
      fee: { feePpm, feeFixedCents },
      limits,
      breakerOpen: state.breaker !== 'closed',
      openedAgeMs: state.openedAgeMs,
      openedWhy: state.openedWhy,
      closedAgeMs: state.closedAgeMs,
      unfit: state.isUnfit && state.breaker !== 'closed',
      restMs: state.restMs,
      observedMs: Math.round(sharedState.latencyMs(processor)),
      reported:
        reported === null
          ? null
          : {
              failing: reported.failing,
              minResponseTimeMs: reported.minResponseTimeMs,
              ageMs: nowMs - reported.atMs,
            },
      callsInFlight,
      oldestCallAgeMs: oldestAtMs === null ? null : nowMs - oldestAtMs,
      inDoubt: metricsTable.inDoubt(processor),
      reason,
      reasonAgeMs: reason === 'none' ? null : nowMs - sinceMs,
      instances: this.#instancesOf(state),
    };
  }

  /** What the instances that hold a lease see; empty: all of them see a closed circuit, or there is only this one. */
  #instancesOf({ name, use, breaker, openedAgeMs, openedWhy }: ProcessorState): readonly InstanceCircuit[] {
    const { hello, clock } = this.#parts;
    const wallMs = clock.nowMs();
    const leasesAtMs = this.#leasesAtMs();
    const holders = (this.#books?.owners ?? []).filter(({ leaseUntilMs }) => leaseUntilMs > leasesAtMs);
    const ids = new Set([hello.instanceId, ...holders.map(({ instanceId }) => instanceId)]);
    if (ids.size === 1 || use === 'removed') return [];
    const circuits = [...ids].map((instanceId): InstanceCircuit => {
      // What this instance sees is newer here than in the ledger.
      if (instanceId === hello.instanceId) {
        if (breaker === 'closed') return { instanceId, state: breaker, openedAgeMs: null, why: '' };
        return { instanceId, state: breaker, openedAgeMs, why: openedWhy };
      }
      const seen = this.#books?.circuits.get(instanceId)?.find((each) => each.processor === name);
      if (seen === undefined) return { instanceId, state: 'unknown', openedAgeMs: null, why: '' };
      const { state, openedAtMs, why } = seen;
      return { instanceId, state, openedAgeMs: openedAtMs === null ? null : wallMs - openedAtMs, why };
    });
    return circuits.some(({ openedAgeMs }) => openedAgeMs !== null) ? circuits.sort(byInstance) : [];
  }

  #configured(processor: number): Terms {
    const configured = this.#parts.hello.processors[processor];
    assert.ok(configured !== undefined);
    return configured.terms;
  }

  #deployment(nowMs: number): DeploymentFigures {
    const books = this.#books;
    const wallMs = this.#parts.clock.nowMs();
    const leasesAtMs = this.#leasesAtMs();
    return {
      unavailable: this.#unavailable,
      ageMs: books === null ? null : nowMs - books.atMs,
      settledPerS: books?.settledPerS ?? null,
      noTotals: books?.noTotals ?? null,
      totals: (books?.totals ?? []).map((total) => ({
        ...total,
        fees: feesOf(total.name, books?.fees ?? []),
      })),
      changed: Object.entries(books?.controls.processors ?? {}).map(([name, { changedAtMs, by, why }]) => {
        return { name, ageMs: wallMs - changedAtMs, by, why };
      }),
      books: this.#booksFigures(),
      stranded: books?.stranded ?? [],
      workers: (books?.owners ?? []).map(({ instanceId, name, owner, leaseUntilMs }) => {
        return { instanceId, name, owner, leaseLeftMs: leaseUntilMs - leasesAtMs };
      }),
    };
  }

  /**
   * The moment at which leases are judged. They have been renewed since they were read, unless the ledger does not answer:
   * then none can be.
   */
  #leasesAtMs(): number {
    const nowMs = this.#parts.clock.nowMs();
    return this.#unavailable === null ? (this.#books?.ownersAtMs ?? nowMs) : nowMs;
  }

  #booksFigures(): BooksFigures | null {
    // The first pool thread measures them.
    const of = (gauge: Gauge) => this.#parts.metricsTable.gauge(0, gauge);
    const finite = (value: number) => (Number.isFinite(value) ? value : null);
    if (of('booksBytes') === 0) return null;
    return {
      usedBytes: of('booksBytes'),
      limitBytes: finite(of('booksLimitBytes')),
      fullInMs: finite(of('booksFullInMs')),
    };
  }

  async #askLedger(nowMs: number): Promise<void> {
    this.#isAsking = true;
    const { ledger, clock } = this.#parts;
    // Close together, and the fees last, so that no payment in the totals is without its fee.
    const [totals, fees] = await Promise.all([
      ledger.summary(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
      ledger.fees(),
    ]);
    const totalsAtMs = clock.monotonicMs();
    const noTotals = totals.kind === 'too-large' || isTooLarge(fees) ? SUM_TOO_LARGE : null;
    const [circuits, ...owners] = await Promise.all([
      ledger.bookmark(INSTANCE_CIRCUITS),
      ...ledger.shards.map((shard) => shard.owners()),
    ]);
    const ownersAtMs = clock.nowMs();
    const stranded = await ledger.stranded(clock.nowMs());
    const controls = await ledger.processorControls();
    const reason =
      [totals, ...(isTooLarge(fees) ? [] : [fees]), circuits, ...owners, stranded, controls]
        .map(reasonOf)
        .find((each) => each !== null) ?? null;
    this.#isAsking = false;
    if (reason !== null && this.#unavailable === null) this.#unavailableAtMs = nowMs;
    this.#unavailable = reason;
    if (circuits.kind === 'ok' && stranded.kind === 'ok' && controls.kind === 'ok' && reason === null) {
      const known = noTotals === null && totals.kind === 'ok' ? totals.value : [];
      const workers = workersOf(owners.map((reply) => (reply.kind === 'ok' ? reply.value : [])));
      this.#books = {
        atMs: clock.monotonicMs(),
        totalsAtMs,
        ownersAtMs,
        totals: known,
        noTotals,
        settledPerS: noTotals === null ? settledRate(this.#books, known, totalsAtMs) : null,
        fees: noTotals === null && fees.kind === 'ok' ? fees.value : [],
        stranded: stranded.value,
        controls: controls.value,
        owners: workers,
        circuits: readInstanceCircuits(circuits.value.text),
      };
    }
  }
}

/** Settled per second between two readings of the totals. */
function settledRate(before: Books | null, totals: readonly ProcessorTotals[], atMs: number): number | null {
  const settled = (all: readonly ProcessorTotals[]) => all.reduce((sum, { count }) => sum + count, 0);
  if (before === null || before.noTotals !== null || atMs <= before.totalsAtMs) return null;
  const more = settled(totals) - settled(before.totals);
  return more < 0 ? null : Math.round((more * 10_000) / (atMs - before.totalsAtMs)) / 10;
}

function isTooLarge(reply: Reply<unknown>): boolean {
  return reply.kind === 'unavailable' && reply.refusal === 'refused' && reply.reason.endsWith(SUM_TOO_LARGE);
}

function feesOf(processor: string, fees: readonly FeeTotals[]) {
  return fees.filter(({ name }) => name === processor).map(({ name: _, ...each }) => each);
}

function reasonOf(reply: Reply<unknown> | NoSum): string | null {
  return reply.kind === 'unavailable' ? reply.reason.slice(0, REASON_LIMIT) : null;
}

function byInstance(one: InstanceCircuit, other: InstanceCircuit): number {
  return one.instanceId.localeCompare(other.instanceId, 'en', { numeric: true });
}

/** Per second, to one decimal; null without earlier counts. */
function rate(counts: Counts, before: Counts | null, of: (counts: Counts) => number): number | null {
  if (before === null || counts.atMs <= before.atMs) return null;
  return Math.round(((of(counts) - of(before)) * 10_000) / (counts.atMs - before.atMs)) / 10;
}
