import assert from 'node:assert/strict';
import { type LoggedAction, latestActions } from '../actions.ts';
import { type BooksStatus, mostRestricted } from '../books-status.ts';
import { sortedFees } from '../fees.ts';
import { daysOf, sortedUnits } from '../folded-totals.ts';
import {
  type Bookmark,
  type FeeTotals,
  type FoldedTime,
  type HealthReport,
  type IndexedState,
  type Ledger,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  type OutboxEvent,
  type OutboxPage,
  ok,
  type ProcessorPayments,
  type ProcessorTotals,
  type Reply,
  type Shard,
  type SummaryReply,
  summed,
  type Turn,
  type UnitTotals,
  unavailable,
} from '../ledger.ts';
import {
  cursorText,
  FIRST_POSITION,
  type ProcessorEvent,
  positionText,
  readCursor,
  readPosition,
} from '../outbox.ts';
import { latestControls, type ProcessorControls } from '../processor-controls.ts';
import { type Folded, laterOf, NOTHING_FOLDED, type TooFine } from '../retention.ts';
import { shardOf } from './shard-of.ts';

/** A page of a shard is named by the shard's position and the shard's own name for it. */
const CURSOR = /^(\d+):(.*)$/s;

/** These shards as one ledger. A single one needs nothing around it. */
export function ledgerOf(shards: readonly Shard[]): Ledger {
  const [only] = shards;
  return shards.length === 1 && only !== undefined ? only : new ShardedLedger(shards);
}

/**
 * Several whole ledgers as one. What concerns a payment is asked of its shard, totals are added up over all, and shard 0
 * has what belongs to no payment: turns, health and events.
 *
 * Workers claim and settle at each shard by themselves (`shards`), with an owner number and a lease of its own, so that a
 * shard that is away holds up nothing but its own payments.
 */
class ShardedLedger implements Ledger {
  readonly shards: readonly Shard[];
  readonly #first: Shard;
  readonly #others: readonly Shard[];

  constructor(shards: readonly Shard[]) {
    const [first, ...others] = shards;
    assert(first !== undefined, 'a ledger needs a shard');
    this.shards = shards;
    this.#first = first;
    this.#others = others;
  }

  shardOf(correlationId: string): number {
    return shardOf(correlationId, this.shards.length);
  }

  async registerProcessor(name: string): Promise<Reply<void>> {
    const all = await this.#all((shard) => shard.registerProcessor(name));
    return all.kind === 'ok' ? ok(undefined) : all;
  }

  addProcessor(name: string): void {
    for (const shard of this.shards) shard.addProcessor(name);
  }

  async summary(fromMs: number, toMs: number): Promise<SummaryReply> {
    const replies: Reply<ProcessorTotals[]>[] = [];
    const faults: TooFine[] = [];
    let isTooLarge = false;
    for (const reply of await Promise.all(this.shards.map((shard) => shard.summary(fromMs, toMs)))) {
      if (reply.kind === 'too-large') isTooLarge = true;
      else if (reply.kind === 'too-fine') faults.push(reply);
      else replies.push(reply);
    }
    const [fault] = faults;
    // A bound that would do has to be exact in every shard.
    if (fault !== undefined) return { ...fault, folded: latestOf(faults.map(({ folded }) => folded)) };
    const all = this.#together(replies);
    if (all.kind === 'unavailable') return all;
    if (isTooLarge) return { kind: 'too-large' };
    const sums = new Map<string, ProcessorTotals>();
    for (const { name, count, amountCents } of all.value.flat()) {
      const sum = sums.get(name);
      sums.set(name, {
        name,
        count: count + (sum?.count ?? 0),
        amountCents: amountCents + (sum?.amountCents ?? 0),
      });
    }
    return summed([...sums.values()]);
  }

  async fees(): Promise<Reply<FeeTotals[]>> {
    const all = await this.#all((shard) => shard.fees());
    return all.kind === 'ok' ? sortedFees(all.value.flat()) : all;
  }

  /** It does not matter which shard has them, as long as only one does. */
  async restoreFees(totals: readonly FeeTotals[]): Promise<Reply<void>> {
    const all = await this.#all((shard) => shard.restoreFees(shard === this.#first ? totals : []));
    return all.kind === 'ok' ? ok(undefined) : all;
  }

  async foldedTime(): Promise<Reply<FoldedTime>> {
    const all = await this.#all((shard) => shard.foldedTime());
    if (all.kind === 'unavailable') return all;
    return ok({
      folded: latestOf(all.value.map(({ folded }) => folded)),
      daysMs: daysOf(all.value.flatMap(({ daysMs }) => daysMs)),
    });
  }

  /** A shard that is folded less has these units, too. */
  async foldedTotals(dayMs: number, folded: Folded): Promise<Reply<UnitTotals[]>> {
    const all = await this.#all((shard) => shard.foldedTotals(dayMs, folded));
    return all.kind === 'ok' ? sortedUnits(all.value.flat()) : all;
  }

  /** Shard 0 gets the totals, and the others get zeros in place of what they have counted there. */
  async restoreFolded(folded: Folded, totals: readonly UnitTotals[]): Promise<Reply<void>> {
    const zeros = totals.map((each) => ({ ...each, count: 0, amountCents: 0 }));
    const all = await this.#all((shard) =>
      shard.restoreFolded(folded, shard === this.#first ? totals : zeros),
    );
    return all.kind === 'ok' ? ok(undefined) : all;
  }

  async stranded(nowMs: number): Promise<Reply<ProcessorPayments[]>> {
    const all = await this.#all((shard) => shard.stranded(nowMs));
    return all.kind === 'ok' ? ok(paymentsInAll(all.value)) : all;
  }

  async openPayments(): Promise<Reply<ProcessorPayments[]>> {
    const all = await this.#all((shard) => shard.openPayments());
    return all.kind === 'ok' ? ok(paymentsInAll(all.value)) : all;
  }

  async find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    const position = this.shardOf(correlationId);
    return this.#named(position, await this.#shard(position).find(correlationId));
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#page(after, (shard, afterInShard) => shard.page(fromMs, toMs, afterInShard, limit));
  }

  pageOf(state: IndexedState, after: string, limit: number): Promise<Reply<LedgerPage>> {
    return this.#page(after, (shard, afterInShard) => shard.pageOf(state, afterInShard, limit));
  }

  /** Shard 0 last, because its event makes the instances drop the older payments that they hold. */
  async purge(purgedAtMs: number): Promise<Reply<void>> {
    const replies = await Promise.all(this.#others.map((shard) => shard.purge(purgedAtMs)));
    const failed = replies.findIndex(({ kind }) => kind === 'unavailable');
    if (failed !== -1) return this.#named(failed + 1, replies[failed] as Reply<void>);
    return this.#named(0, await this.#first.purge(purgedAtMs));
  }

  async actions(): Promise<Reply<LoggedAction[]>> {
    const all = await this.#all((shard) => shard.actions());
    return all.kind === 'ok' ? ok(latestActions(all.value)) : all;
  }

  async booksStatus(): Promise<Reply<BooksStatus>> {
    const all = await this.#all((shard) => shard.booksStatus());
    return all.kind === 'ok' ? ok(mostRestricted(all.value)) : all;
  }

  async setBooksStatus(status: BooksStatus): Promise<Reply<void>> {
    const all = await this.#all((shard) => shard.setBooksStatus(status));
    return all.kind === 'ok' ? ok(undefined) : all;
  }

  /** Shard 0 decides. The copies keep it from being a place without which no instance can start to send. */
  async processorControls(): Promise<Reply<ProcessorControls>> {
    const first = this.#named(0, await this.#first.processorControls());
    if (first.kind === 'ok') return first;
    const replies = await Promise.all(this.#others.map((shard) => shard.processorControls()));
    const copies = replies.flatMap((reply) => (reply.kind === 'ok' ? [reply.value] : []));
    return copies.length === 0 ? first : ok(latestControls(copies));
  }

  /** A copy that cannot be made now is made with the next change. */
  async setProcessorControls(
    controls: ProcessorControls,
    events?: readonly ProcessorEvent[],
  ): Promise<Reply<boolean>> {
    const first = this.#named(0, await this.#first.setProcessorControls(controls, events));
    if (first.kind === 'ok' && first.value)
      await Promise.all(this.#others.map((shard) => shard.setProcessorControls(controls)));
    return first;
  }

  /** What a shard that is away has is on a later page, because its position stays. */
  async outbox(cursor: string, limit: number): Promise<Reply<OutboxPage>> {
    const count = this.shards.length;
    const positions = readCursor(cursor, count) ?? this.shards.map(() => FIRST_POSITION);
    const limitEach = Math.ceil(limit / count);
    const replies = await Promise.all(
      this.shards.map((shard, at) => shard.outbox(positionText(positions[at] ?? FIRST_POSITION), limitEach)),
    );
    const pages = replies.map((reply) => (reply.kind === 'ok' ? reply.value : null));
    if (pages.every((page) => page === null)) return this.#named(0, replies[0] as Reply<OutboxPage>);
    const events: OutboxEvent[] = [];
    for (const [shard, page] of pages.entries()) {
      for (const event of page?.events ?? []) {
        positions[shard] = event.position;
        events.push({ ...event, shard, cursor: cursorText(positions) });
      }
    }
    const isLast = pages.every((page) => page?.isLast === true);
    return ok({ events, next: cursorText(positions), isLast });
  }

  async outboxEnd(): Promise<Reply<string>> {
    const all = await this.#all((shard) => shard.outboxEnd());
    if (all.kind === 'unavailable') return all;
    return ok(cursorText(all.value.map((end) => readPosition(end) ?? FIRST_POSITION)));
  }

  async bookmark(name: string): Promise<Reply<Bookmark>> {
    return this.#named(0, await this.#first.bookmark(name));
  }

  async setBookmark(
    name: string,
    bookmark: Bookmark,
    events?: readonly ProcessorEvent[],
  ): Promise<Reply<boolean>> {
    return this.#named(0, await this.#first.setBookmark(name, bookmark, events));
  }

  async takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    return this.#named(0, await this.#first.takeHealthTurn(processor, lastTurn));
  }

  async publishHealth(report: HealthReport): Promise<Reply<void>> {
    return this.#named(0, await this.#first.publishHealth(report));
  }

  async subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    return this.#named(0, await this.#first.subscribe(listener));
  }

  /** The first good answer counts, so that a caller does not wait for a shard that is away. */
  ping(): Promise<Reply<void>> {
    const replies = this.shards.map((shard) => shard.ping());
    return new Promise((resolve, reject) => {
      const all = replies.map(async (asked) => {
        const reply = await asked;
        if (reply.kind === 'ok') resolve(reply);
        return reply;
      });
      // Without effect once one was good.
      Promise.all(all).then(([first]) => resolve(first ?? unavailable('no shard')), reject);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }

  /** Asks all shards at once. The answer is theirs together, or that of the first that is away: never a part. */
  async #all<T>(ask: (shard: Shard) => Promise<Reply<T>>): Promise<Reply<T[]>> {
    return this.#together(await Promise.all(this.shards.map(ask)));
  }

  #together<T>(replies: readonly Reply<T>[]): Reply<T[]> {
    const values: T[] = [];
    for (const [position, reply] of replies.entries()) {
      if (reply.kind === 'unavailable') return this.#named(position, reply);
      values.push(reply.value);
    }
    return ok(values);
  }

  /** The pages of the shards, one shard after the other. */
  async #page(
    after: string,
    ask: (shard: Shard, afterInShard: string) => Promise<Reply<LedgerPage>>,
  ): Promise<Reply<LedgerPage>> {
    const [, name = '0', afterInShard = ''] = CURSOR.exec(after) ?? [];
    const position = Number(name);
    if (position >= this.shards.length) return ok({ entries: [], next: null });
    const reply = this.#named(position, await ask(this.#shard(position), afterInShard));
    if (reply.kind === 'unavailable') return reply;
    const { entries, next } = reply.value;
    if (next !== null) return ok({ entries, next: `${position}:${next}` });
    return ok({ entries, next: position + 1 < this.shards.length ? `${position + 1}:` : null });
  }

  #shard(position: number): Shard {
    const shard = this.shards[position];
    assert(shard !== undefined, 'a ledger has no such shard');
    return shard;
  }

  #named<T>(position: number, reply: Reply<T>): Reply<T> {
    if (reply.kind === 'ok') return reply;
    return { ...reply, reason: `shard ${position} of ${this.shards.length}: ${reply.reason}` };
  }
}

function latestOf(shards: readonly Folded[]): Folded {
  return shards.reduce(laterOf, NOTHING_FOLDED);
}

/** What several shards have, added up by processor. */
export function paymentsInAll(shards: readonly (readonly ProcessorPayments[])[]): ProcessorPayments[] {
  const counts = new Map<string, number>();
  for (const { name, count } of shards.flat()) counts.set(name, count + (counts.get(name) ?? 0));
  return Array.from(counts, ([name, count]) => ({ name, count }));
}
