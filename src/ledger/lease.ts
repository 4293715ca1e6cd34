import assert from 'node:assert';
import { equalJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Ledger, LedgerEntry, OwnerRecord, WorkerId } from './ledger.ts';

export interface LeaseParts {
  readonly worker: WorkerId;
  readonly ledger: Ledger;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** What the thread counts that the seat belongs to. */
  readonly metrics: ThreadMetrics;
  /** A new owner has been enlisted: what the former one had claimed is another's. */
  readonly onAcquired: () => void;
  /** Takes in entries that this owner has taken over. */
  readonly adopt: (entries: readonly LedgerEntry[]) => void;
  /** How many entries `adopt` can take in now. */
  readonly room: () => number;
  /** Does some work while nothing of the same owner is being claimed. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * A seat's right to dispatch and settle: an owner number in the ledger, renewed three times per lease.
 *
 * A new owner takes over what the former owners of the same seat had claimed, and from time to time what belongs to
 * owners whose lease has run out. An owner that could not renew in time is not `valid`: it sends nothing, because
 * another may be asking about its payments already. One that has been taken over enlists again under a new number.
 * So does one that no longer knows what it holds: it resigns.
 *
 * Both sides measure a lease on their own monotonic clocks, since wall clocks jump and those of two machines differ:
 * the owner from the moment at which it sent the renewal, the others from when they first saw it.
 */
export class Lease {
  readonly #parts: LeaseParts;
  #owner = 0;
  /** The last owner that has resigned, or is about to. */
  #abandoned = 0;
  #goodUntilMs = 0;
  /** What the ledger was last told. It only rises, so that others see each renewal, whatever the wall clock does. */
  #leaseUntilMs = 0;
  readonly #others = new OtherLeases();
  readonly #renewalOutage: OutageLog;
  /** On the monotonic clock; 0: the last request for the lease was answered. */
  #failingSinceMs = 0;
  #stopped = false;
  #acquiring: Promise<void> | null = null;
  #cancel: () => void = () => {};

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#renewalOutage = new OutageLog({
      log: parts.log,
      fields: { worker: parts.worker.name },
      began: 'lease cannot be renewed: nothing is sent once it has run out',
      ended: 'lease renewed again',
    });
  }

  get owner(): number {
    return this.#owner;
  }

  get valid(): boolean {
    return this.#parts.clock.monotonicMs() < this.#goodUntilMs;
  }

  async start(): Promise<void> {
    await this.reacquire();
    await this.#takeOverSeat();
    this.#keepLater();
  }

  /** An owner that leaves entries behind keeps its record, so that others find them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    this.#setGoodUntil(0);
    if (this.#owner > 0) await this.#parts.ledger.releaseLease(this.#owner);
  }

  /** A new owner number, however long the ledger keeps us waiting for it. */
  reacquire(): Promise<void> {
    this.#acquiring ??= this.#acquire().finally(() => {
      this.#acquiring = null;
    });
    return this.#acquiring;
  }

  /**
   * For an owner that may hold what nobody here knows of, because an answer was lost: another takes its seat, and its
   * own lease runs out, so that what it holds is taken over. That of an owner that is none any more does so by itself.
   */
  async abandon(owner: number): Promise<void> {
    if (owner !== this.#owner || owner === this.#abandoned) return;
    this.#abandoned = owner;
    await this.reacquire();
    await this.#parts.ledger.releaseLease(owner);
  }

  async #acquire(): Promise<void> {
    const { ledger, clock, worker, leaseMs, random, log, onAcquired } = this.#parts;
    this.#setGoodUntil(0);
    for (let attempt = 1; !this.#stopped; attempt++) {
      const sentAtMs = clock.monotonicMs();
      const reply = await ledger.acquireLease(worker, this.#nextLeaseUntilMs());
      this.#setFailing(reply.kind === 'unavailable');
      if (reply.kind === 'ok') {
        assert.ok(reply.value > this.#owner);
        this.#owner = reply.value;
        this.#setGoodUntil(sentAtMs + leaseMs);
        log.info({ worker: worker.name, owner: this.#owner }, 'lease gained');
        onAcquired();
        return;
      }
      if (attempt === 1) log.warn({ worker: worker.name, reason: reply.reason }, 'waiting for the ledger');
      await sleep(clock, equalJitterMs({ baseMs: 50, maxMs: leaseMs / 4 }, attempt, random));
    }
  }

  #setFailing(isFailing: boolean): void {
    const { clock, metrics } = this.#parts;
    if (!isFailing) this.#failingSinceMs = 0;
    else if (this.#failingSinceMs === 0) this.#failingSinceMs = clock.monotonicMs();
    metrics.set('leaseFailingSinceMs', this.#failingSinceMs);
  }

  #nextLeaseUntilMs(): number {
    const { clock, leaseMs } = this.#parts;
    this.#leaseUntilMs = Math.max(clock.nowMs() + leaseMs, this.#leaseUntilMs + 1);
    return this.#leaseUntilMs;
  }

  #setGoodUntil(goodUntilMs: number): void {
    this.#goodUntilMs = goodUntilMs;
    this.#parts.metrics.set('leaseUntilMs', goodUntilMs);
  }

  #keepLater(): void {
    const { clock, leaseMs } = this.#parts;
    if (this.#stopped) return;
    this.#cancel = clock.after(Math.ceil(leaseMs / 3), () => void this.#keep());
  }

  async #keep(): Promise<void> {
    const { ledger, clock, leaseMs, log, metrics, worker } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    const reply = await ledger.renewLease(this.#owner, this.#nextLeaseUntilMs());
    if (this.#stopped) return;
    this.#setFailing(reply.kind === 'unavailable');
    if (reply.kind === 'unavailable') {
      metrics.count('renewalFailures');
      this.#renewalOutage.failed(reply.reason);
    } else if (reply.value) {
      this.#setGoodUntil(sentAtMs + leaseMs);
      this.#renewalOutage.recovered();
      await this.#takeOverExpired();
    } else {
      metrics.count('leasesLost');
      log.warn({ worker: worker.name, owner: this.#owner }, 'lease lost: another instance took over');
      await this.reacquire();
    }
    this.#keepLater();
  }

  #isPredecessor(record: OwnerRecord): boolean {
    const { worker } = this.#parts;
    return (
      record.instanceId === worker.instanceId && record.name === worker.name && record.owner < this.#owner
    );
  }

  /** What the former owners of this seat hold: nobody else can be one, so their leases don't matter. */
  async #takeOverSeat(): Promise<void> {
    for (const record of await this.#otherOwners()) {
      if (this.#isPredecessor(record)) await this.#takeOverFrom(record, Infinity);
    }
  }

  async #takeOverExpired(): Promise<void> {
    const { clock, leaseMs } = this.#parts;
    const expired = this.#others.expired(await this.#otherOwners(), clock.monotonicMs(), leaseMs);
    for (const record of expired) await this.#takeOverFrom(record, record.leaseUntilMs);
  }

  async #otherOwners(): Promise<readonly OwnerRecord[]> {
    const owners = await this.#parts.ledger.owners();
    return owners.kind === 'unavailable' ? [] : owners.value.filter(({ owner }) => owner !== this.#owner);
  }

  /** Everything that an owner holds, unless its lease turns out to end later than `leaseUntilMs`. */
  async #takeOverFrom(record: OwnerRecord, leaseUntilMs: number): Promise<void> {
    const { log, metrics, alone } = this.#parts;
    let taken = 0;
    for (;;) {
      const count = await alone(() => this.#takeSome(record.owner, leaseUntilMs));
      if (count === 0) break;
      taken += count;
    }
    const { instanceId, name, owner } = record;
    if (taken === 0) return;
    metrics.count('takeOvers');
    metrics.count('paymentsTakenOver', taken);
    log.info({ instanceId, worker: name, owner, payments: taken }, 'took over from a former owner');
  }

  /** Takes over as much as there is room for; answers how much that was. */
  async #takeSome(from: number, leaseUntilMs: number): Promise<number> {
    const { ledger, room, adopt, clock, random, leaseMs } = this.#parts;
    const limit = room();
    if (limit <= 0) return 0;
    for (let attempt = 1; !this.#stopped; attempt++) {
      const reply = await ledger.takeOver(from, this.#owner, limit, leaseUntilMs);
      this.#setFailing(reply.kind === 'unavailable');
      if (reply.kind === 'ok') {
        adopt(reply.value);
        return reply.value.length;
      }
      // Entries may be this owner's that it does not know of. Until it does, it must not claim a thing.
      await sleep(clock, equalJitterMs({ baseMs: 50, maxMs: leaseMs / 4 }, attempt, random));
    }
    return 0;
  }
}

/** The leases of other owners, as this one has seen them. */
class OtherLeases {
  /** By owner. */
  #seen = new Map<number, { readonly leaseUntilMs: number; readonly sinceMs: number }>();

  /**
   * Of all other owners those that have not renewed for a whole lease, as far as this one has watched them. A lease that
   * was ended (0) has run out at once.
   */
  expired(records: readonly OwnerRecord[], nowMs: number, leaseMs: number): OwnerRecord[] {
    const before = this.#seen;
    this.#seen = new Map();
    return records.filter(({ owner, leaseUntilMs }) => {
      const last = before.get(owner);
      const sinceMs = last?.leaseUntilMs === leaseUntilMs ? last.sinceMs : nowMs;
      this.#seen.set(owner, { leaseUntilMs, sinceMs });
      return leaseUntilMs === 0 || nowMs - sinceMs >= leaseMs;
    });
  }
}
