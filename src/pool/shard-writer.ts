import type { Backoff } from '../core/backoff.ts';
import { equalJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { Lease, type LeaseHolder } from '../ledger/lease.ts';
import type { Claim, ClaimReply, LedgerEntry, Settlement, WorkerId } from '../ledger/ledger.ts';
import type { ShardParts } from '../ledger/shard-parts.ts';
import { type DeadOwner, Takeover } from '../ledger/takeover.ts';
import type { Span } from '../tracing/tracer.ts';
import type { Delivery } from './delivery.ts';

export interface ShardWriterParts extends ShardParts {
  readonly worker: WorkerId;
  readonly policy: ShardWriterPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly owner: WriterOwner;
}

export interface ShardWriterPolicy {
  readonly leaseMs: number;
  readonly backoff: Backoff;
  readonly batchLimit: number;
}

/** The dispatcher, which learns from each of its writers what the shard answers. */
export interface WriterOwner {
  /** The writer can begin a commit again. */
  freed(writer: ShardWriter): void;
  /** The writer cannot go on: a bug. */
  broken(error: unknown): void;
  claimReplied(delivery: Delivery, reply: ClaimReply): void;
  claimLost(delivery: Delivery): void;
  settled(settling: Settling, isRecorded: boolean): void;
  /** What was claimed in this shard is another owner's. */
  ownerChanged(shard: number): void;
  /** Entries of a dead owner, which belong to this one now. */
  adopt(entries: readonly LedgerEntry[]): void;
  /** How many payments more may be taken in. */
  room(): number;
  /** Whether the dispatcher has no payment of this shard. */
  holdsNone(shard: number): boolean;
  /** Whether payments of this shard wait to be claimed. */
  hasQueued(shard: number): boolean;
  /** Makes the next turn begin soon. */
  wake(): void;
}

/** A settlement on its way into the ledger. */
export interface Settling {
  readonly delivery: Delivery;
  readonly settlement: Settlement;
  readonly span: Span | null;
}

/** Entries taken over from a dead owner in one step. */
const TAKE_OVER_LIMIT = 256;
/** A commit that has taken this long so far holds up payments of its shard that others need no wait for. */
const SLOW_COMMIT_MS = 250;

/**
 * What one pool thread writes to one shard of the ledger, under a lease of its own there: commits of settlements and
 * claims, and take-overs from dead owners. One of these is under way at a time, and one that fails is repeated after a
 * backoff; writers of other shards go on meanwhile.
 */
export class ShardWriter implements LeaseHolder {
  readonly position: number;
  readonly lease: Lease;
  readonly #parts: ShardWriterParts;
  readonly #takeover: Takeover;
  #settlements: Settling[] = [];
  #isStarted = false;
  #isBacklogged = false;
  /** Commits in a row that have failed. */
  #failures = 0;
  /** The shard has answered since the last of them. */
  #answersAgain = false;
  /** Commits and take-overs that have begun or wait for their turn. */
  #underWayCount = 0;
  /** When the commit under way began, on the monotonic clock; null: there is none. */
  #commitBeganAtMs: number | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ShardWriterParts) {
    this.#parts = parts;
    this.position = parts.position;
    const { leaseMs } = parts.policy;
    this.lease = new Lease({ ...parts, leaseMs, holder: this });
    this.#takeover = new Takeover({ ...parts, leaseMs, lease: this.lease });
  }

  /** Acquires the lease, however long that takes, and takes over from former owners of this worker. */
  async start(): Promise<void> {
    await this.lease.start();
    if (this.lease.stopped) return;
    await this.#takeOver(await this.#takeover.predecessors());
    this.#isStarted = true;
    this.#parts.owner.freed(this);
  }

  /** A commit can begin: nothing is under way. */
  get isFree(): boolean {
    return this.#isStarted && this.#underWayCount === 0;
  }

  /** A commit of claims can begin. After one that failed, not before the shard answers: claims hold call slots. */
  get canClaim(): boolean {
    return this.isFree && this.lease.valid && (this.#failures === 0 || this.#answersAgain);
  }

  /** Its payments wait longer than those of a shard that works. */
  get isBehind(): boolean {
    if (this.#failures > 0 || !this.lease.valid) return true;
    const { clock } = this.#parts;
    return this.#commitBeganAtMs !== null && clock.monotonicMs() - this.#commitBeganAtMs > SLOW_COMMIT_MS;
  }

  /** The last commit was full, so there is more to do at once. */
  get isBacklogged(): boolean {
    return this.#isBacklogged;
  }

  get hasSettlements(): boolean {
    return this.#settlements.length > 0;
  }

  /** All outcomes are in the books. */
  get isDone(): boolean {
    return this.#settlements.length === 0 && this.#commitBeganAtMs === null;
  }

  /** Writes an outcome with the next commit. */
  settle(settling: Settling): void {
    this.#settlements.push(settling);
  }

  /**
   * Begins a commit of these claims and of the settlements that wait, or asks a shard that has failed whether it answers
   * again, if payments wait for that. The writer must be free.
   */
  begin(claims: Delivery[]): void {
    const { policy, clock, owner } = this.#parts;
    const settling = this.#settlements.splice(0, policy.batchLimit);
    this.#isBacklogged = claims.length === policy.batchLimit || this.#settlements.length > 0;
    if (claims.length > 0 || settling.length > 0) {
      this.#commitBeganAtMs = clock.monotonicMs();
      this.#exclusively(() => this.#commit(settling, claims)).catch((error) => owner.broken(error));
    } else if (this.#failures > 0 && owner.holdsNone(this.position)) {
      // What could not be written has been purged meanwhile, or is another owner's.
      this.#works();
    } else if (this.#failures > 0 && !this.#answersAgain && owner.hasQueued(this.position)) {
      this.#exclusively(() => this.#probe()).catch((error) => owner.broken(error));
    }
  }

  ownerChanged(): void {
    this.#settlements = [];
    this.#parts.owner.ownerChanged(this.position);
  }

  async leaseRenewed(): Promise<void> {
    await this.#takeOver(await this.#takeover.expired());
  }

  /**
   * Commits and take-overs, one after another. A claim that is under way while an entry of the same id is handed to
   * this owner would look like the owner's own next claim, and be sent elsewhere.
   */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#underWayCount++;
    const ended = () => {
      this.#underWayCount--;
      if (this.isFree) this.#parts.owner.freed(this);
    };
    const run = this.#last.then(work);
    this.#last = run.then(ended, ended);
    return run;
  }

  async #commit(settling: Settling[], claims: Delivery[]): Promise<void> {
    const { clock, shard, owner } = this.#parts;
    const settlements = settling.map((item) => item.settlement);
    const number = this.lease.owner;
    const beganAtMs = clock.stopwatchMs();
    const reply = await shard.commit(number, settlements, claims.map(claimOf));
    this.#commitBeganAtMs = null;
    if (reply.kind === 'unavailable') return this.#commitFailed(settling, claims, reply.reason);
    this.#commitSucceeded(clock.stopwatchMs() - beganAtMs);
    for (const [index, item] of settling.entries())
      owner.settled(item, reply.value.settled[index] === 'recorded');
    const isOwner = this.lease.owner === number;
    for (const [index, delivery] of claims.entries()) {
      const answer = reply.value.claimed[index] ?? 'fenced';
      // What was claimed under a former number is another owner's, also if the lease is valid again.
      owner.claimReplied(delivery, answer === 'claimed' && !isOwner ? 'known' : answer);
    }
    if (reply.value.claimed.includes('fenced') && this.lease.owner === number) await this.lease.reacquire();
  }

  async #probe(): Promise<void> {
    const { shard, owner } = this.#parts;
    const reply = await shard.ping();
    if (reply.kind === 'unavailable') return this.#failed(reply.reason);
    this.#answersAgain = true;
    owner.wake();
  }

  /** Nothing may have been written, or all of it: the same settlements and claims come again with the next commit. */
  async #commitFailed(settling: Settling[], claims: Delivery[], reason: string): Promise<void> {
    const { owner } = this.#parts;
    this.#settlements.unshift(...settling);
    for (const delivery of claims.reverse()) owner.claimLost(delivery);
    await this.#failed(reason);
  }

  /** Resolves when the shard is to be tried again. */
  async #failed(reason: string): Promise<void> {
    const { policy, metrics, log, clock, random } = this.#parts;
    metrics.count('commitFailures');
    this.#answersAgain = false;
    if (this.#failures++ === 0) {
      metrics.set('commitFailingSinceMs', clock.monotonicMs());
      log.warn({ reason }, 'ledger unavailable');
    }
    await sleep(clock, equalJitterMs(policy.backoff, this.#failures, random));
  }

  #commitSucceeded(tookMs: number): void {
    const { metrics, log } = this.#parts;
    if (this.#failures > 0) {
      log.info({ attempts: this.#failures }, 'ledger available again');
      this.#works();
    }
    metrics.observe('commit', tookMs);
  }

  #works(): void {
    this.#failures = 0;
    this.#answersAgain = false;
    this.#parts.metrics.set('commitFailingSinceMs', 0);
  }

  /** Takes over everything that dead owners hold, as far as there is room for it. */
  async #takeOver(owners: readonly DeadOwner[]): Promise<void> {
    for (const owner of owners) {
      let paymentCount = 0;
      for (;;) {
        const takenCount = await this.#exclusively(() => this.#takeSome(owner));
        if (takenCount === 0) break;
        paymentCount += takenCount;
      }
      this.#takeover.finished(owner, paymentCount);
    }
  }

  async #takeSome(dead: DeadOwner): Promise<number> {
    const { owner } = this.#parts;
    const limit = Math.min(TAKE_OVER_LIMIT, owner.room());
    if (limit <= 0) return 0;
    const entries = await this.#takeover.take(dead, limit);
    owner.adopt(entries);
    return entries.length;
  }
}

function claimOf({ payment, state }: Delivery): Claim {
  const { correlationId, amountCents, acceptedAtMs } = payment;
  const { processor, requestedAtMs, why, ended } = state;
  return { correlationId, amountCents, acceptedAtMs, processor, requestedAtMs, why, before: ended };
}
