import assert from 'node:assert';
import { equalJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { OutageLog } from '../core/outage-log.ts';
import type { Shard, WorkerId } from './ledger.ts';
import type { ShardMetrics } from './shard-parts.ts';

export interface LeaseParts {
  readonly worker: WorkerId;
  readonly shard: Shard;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ShardMetrics;
  readonly holder: LeaseHolder;
}

/** The part of a worker that must know what happens to its lease. */
export interface LeaseHolder {
  /** The worker has a new owner number: what it had claimed under the former one belongs to another owner. */
  ownerChanged(): void;
  /** The lease was renewed: a good time to look for owners whose lease has run out. */
  leaseRenewed(): Promise<void>;
}

/**
 * A worker's right to dispatch and settle the payments of one shard: an owner number (its fencing token) there, renewed
 * three times per lease. At another shard the worker has another lease, and one that runs out does not matter elsewhere.
 *
 * An owner that could not renew in time is not `valid`: it sends nothing, because another owner may already be asking
 * about its payments. A worker whose owner was taken over, or that no longer knows what its owner holds, acquires a
 * new number.
 *
 * Both sides measure a lease on their own monotonic clocks, since wall clocks jump and those of two machines differ:
 * the owner from the moment at which it sent the renewal, the others from when they first saw it (`takeover.ts`).
 */
export class Lease {
  readonly #parts: LeaseParts;
  #owner = 0;
  /** The last owner that was abandoned, or is about to be. */
  #abandoned = 0;
  #goodUntilMs = 0;
  /** What the ledger was last told. It only rises, so that others see each renewal, whatever the wall clock does. */
  #leaseUntilMs = 0;
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

  get stopped(): boolean {
    return this.#stopped;
  }

  async start(): Promise<void> {
    await this.reacquire();
    this.#renewLater();
  }

  /** An owner that leaves entries behind keeps its record, so that other owners find them. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    this.#setGoodUntil(0);
    if (this.#owner > 0) await this.#parts.shard.releaseLease(this.#owner);
  }

  /** Acquires a new owner number, however long the ledger takes to answer. */
  reacquire(): Promise<void> {
    this.#acquiring ??= this.#acquire().finally(() => {
      this.#acquiring = null;
    });
    return this.#acquiring;
  }

  /**
   * Gives up an owner that may hold entries this process does not know of, because an answer was lost: the worker gets
   * a new number, and the entries are taken over once the old lease has run out.
   */
  async abandon(owner: number): Promise<void> {
    if (owner !== this.#owner || owner === this.#abandoned) return;
    this.#abandoned = owner;
    await this.reacquire();
    await this.#parts.shard.releaseLease(owner);
  }

  async #acquire(): Promise<void> {
    const { shard, clock, worker, leaseMs, random, log, holder } = this.#parts;
    this.#setGoodUntil(0);
    for (let attempt = 1; !this.#stopped; attempt++) {
      const sentAtMs = clock.monotonicMs();
      const reply = await shard.acquireLease(worker, this.#nextLeaseUntilMs());
      this.answered(reply.kind === 'ok');
      if (reply.kind === 'ok') {
        assert.ok(reply.value > this.#owner);
        this.#owner = reply.value;
        this.#setGoodUntil(sentAtMs + leaseMs);
        log.info({ worker: worker.name, owner: this.#owner }, 'lease acquired');
        holder.ownerChanged();
        return;
      }
      if (attempt === 1)
        log.warn({ worker: worker.name, reason: reply.reason }, 'waiting for the ledger in LEDGER_URL');
      await sleep(clock, equalJitterMs({ baseMs: 50, maxMs: leaseMs / 4 }, attempt, random));
    }
  }

  /** Notes whether the ledger answered a request about leases, for those who watch the instance. */
  answered(isAvailable: boolean): void {
    const { clock, metrics } = this.#parts;
    if (isAvailable) this.#failingSinceMs = 0;
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

  #renewLater(): void {
    const { clock, leaseMs } = this.#parts;
    if (this.#stopped) return;
    this.#cancel = clock.after(Math.ceil(leaseMs / 3), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { shard, clock, leaseMs, log, metrics, worker, holder } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    const reply = await shard.renewLease(this.#owner, this.#nextLeaseUntilMs());
    if (this.#stopped) return;
    this.answered(reply.kind === 'ok');
    if (reply.kind === 'unavailable') {
      metrics.count('renewalFailures');
      this.#renewalOutage.failed(reply.reason);
    } else if (reply.value) {
      this.#setGoodUntil(sentAtMs + leaseMs);
      this.#renewalOutage.recovered();
      await holder.leaseRenewed();
    } else {
      metrics.count('leasesLost');
      log.warn({ worker: worker.name, owner: this.#owner }, 'lease lost: another instance took over');
      await this.reacquire();
    }
    this.#renewLater();
  }
}
