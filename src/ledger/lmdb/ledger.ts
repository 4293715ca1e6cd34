import assert from 'node:assert/strict';
import { type Database, open, type RootDatabase, TransactionFlags } from 'lmdb';
import type { Clock } from '../../core/clock.ts';
import type { Totals } from '../../core/payment.ts';
import { readUuid } from '../../core/uuid.ts';
import { assertCommit, assertProcessor, isPurged, keptReason, LAST_MS } from '../commit.ts';
import {
  type Claim,
  type ClaimReply,
  type CommitReply,
  exactly,
  type HealthReport,
  type HealthTurn,
  type Ledger,
  type LedgerEntry,
  type LedgerEvent,
  type LedgerPage,
  mayHaveBeenSent,
  type OwnerRecord,
  ok,
  type ProcessorTotals,
  type Reply,
  type Settlement,
  type SettleReply,
  type StrandedPayments,
  unavailable,
  type WorkerId,
} from '../ledger.ts';
import { rangesOf, type TimeRange, UNIT_SPANS_MS, unitStartMs } from '../time-index.ts';
import {
  doubleBytes,
  entryBytes,
  entryKey,
  FIRST_OWNER_KEY,
  HOLDING_ID_AT,
  HOLDING_VALUE,
  healthBytes,
  healthKey,
  healthTurnKey,
  holdingKey,
  holdingKeys,
  keyAfter,
  LAST_OWNER_KEY,
  OWNER_NUMBER_AT,
  OWNERS_EVER_KEY,
  ownerBytes,
  ownerKey,
  PURGE_KEY,
  processorNameKey,
  processorNameKeys,
  processorNameOf,
  REVISION_KEY,
  readEntry,
  readHealth,
  readOwner,
  readTotals,
  type StoredEntry,
  type StoredOwner,
  timeIndexKey,
  totalsBytes,
} from './records.ts';

export interface LmdbOptions {
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  /** How often a subscription looks for events. */
  readonly pollMs?: number;
}

type Bytes = Database<Buffer, Buffer>;

/**
 * The write lock is released before the disk syncs, so that others can write meanwhile and commits share a sync. The call
 * still returns only when its own commit is on the disk. A transaction that throws is rolled back.
 */
const COMMIT_FLAGS =
  TransactionFlags.ABORTABLE | TransactionFlags.SYNCHRONOUS_COMMIT | TransactionFlags.NO_SYNC_FLUSH;
const BYTES = { encoding: 'binary', keyEncoding: 'binary', cache: false, compression: false } as const;
const DEFAULT_POLL_MS = 250;
const PROCESSOR_NUMBER_MAX = 2 ** 16 - 1;

/**
 * The ledger in a directory on one machine, which any number of threads and processes may open at once.
 *
 * Every write is one synchronous transaction, on the disk when the call returns. So the write lock is never held across
 * turns of the event loop, and a transaction that throws is rolled back; asynchronous transactions guarantee neither.
 * The price is that a commit blocks its thread, so only threads that commit batches should write. A thread must not be
 * terminated during a write, or its process would keep the lock. Killing the whole process leaves no lock behind.
 *
 * Every read uses one snapshot, taken when it starts, so it sees all of a commit or purge, or nothing.
 */
export class LmdbLedger implements Ledger {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #entries: Bytes;
  readonly #holdings: Bytes;
  readonly #timeIndex: Bytes;
  readonly #records: Bytes;
  readonly #clock: Clock;
  readonly #pollMs: number;
  /** The processors' numbers in this store, by index. */
  readonly #processorNumbers: readonly number[];
  readonly #processorNames: readonly string[];
  readonly #unsubscribes = new Set<() => void>();
  #closed = false;

  private constructor(path: string, { processorNames, clock, pollMs }: LmdbOptions, readOnly: boolean) {
    assert(new Set(processorNames).size === processorNames.length, 'processor names must be unique');
    // Without `noSubdir: false`, a path with a dot is taken as a file.
    this.#root = open<Buffer, Buffer>({ path, ...BYTES, noSubdir: false, maxDbs: 4, readOnly });
    this.#entries = this.#root.openDB('entries', BYTES);
    this.#holdings = this.#root.openDB('holdings', BYTES);
    this.#timeIndex = this.#root.openDB('calendar', BYTES);
    this.#records = this.#root.openDB('records', BYTES);
    this.#processorNames = [...processorNames];
    this.#clock = clock;
    this.#pollMs = pollMs ?? DEFAULT_POLL_MS;
    this.#processorNumbers = readOnly
      ? this.#registered(processorNames)
      : this.#root.transactionSync(() => this.#register(processorNames), COMMIT_FLAGS);
  }

  /** Opens or creates the ledger in directory `path`. Rejects if the directory cannot be used. */
  static async open(path: string, options: LmdbOptions): Promise<LmdbLedger> {
    return new LmdbLedger(path, options, false);
  }

  /**
   * Opens a ledger, read-only and without waiting for a lock, that another thread of this process has opened with the
   * same processors.
   */
  static openToRead(path: string, options: LmdbOptions): LmdbLedger {
    return new LmdbLedger(path, options, true);
  }

  acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    return this.#write(() => {
      const owner = (this.#records.get(OWNERS_EVER_KEY)?.readUInt32BE(0) ?? 0) + 1;
      const ever = Buffer.alloc(4);
      ever.writeUInt32BE(owner);
      this.#records.putSync(OWNERS_EVER_KEY, ever);
      this.#putOwner(owner, { ...worker, leaseUntilMs, fenced: false });
      return owner;
    });
  }

  renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return this.#write(() => {
      const record = this.#owner(owner);
      if (record === undefined || record.fenced) return false;
      this.#putOwner(owner, { ...record, leaseUntilMs });
      return true;
    });
  }

  releaseLease(owner: number): Promise<Reply<void>> {
    return this.#write(() => {
      const record = this.#owner(owner);
      if (record === undefined) return;
      if (this.#held(owner, 1).length === 0) this.#records.removeSync(ownerKey(owner));
      else this.#putOwner(owner, { ...record, leaseUntilMs: 0 });
    });
  }

  owners(): Promise<Reply<OwnerRecord[]>> {
    return this.#read(() =>
      this.#allOwners().map(([owner, { instanceId, name, leaseUntilMs }]) => {
        return { owner, instanceId, name, leaseUntilMs };
      }),
    );
  }

  takeOver(
    from: number,
    to: number,
    limit: number,
    ifNotRenewedMs = Infinity,
  ): Promise<Reply<LedgerEntry[]>> {
    assert(from !== to, 'an owner cannot take over from itself');
    assert(limit > 0, 'the limit must be positive');
    return this.#write(() => {
      if (!this.#isAlive(to)) return [];
      const record = this.#owner(from);
      if (record === undefined || record.leaseUntilMs > ifNotRenewedMs) return [];
      const taken = this.#held(from, limit, (entry) => !this.#isForeign(entry)).map((id) =>
        this.#handOver(id, to),
      );
      const isEmpty = this.#held(from, 1).length === 0;
      if (isEmpty) this.#records.removeSync(ownerKey(from));
      else if (!record.fenced) this.#putOwner(from, { ...record, leaseUntilMs: 0, fenced: true });
      return taken;
    });
  }

  commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#processorNumbers.length, settlements, claims);
    return this.#write(() => {
      const charges: Settlement[] = [];
      const settled = settlements.map((settlement) => this.#settle(owner, settlement, charges));
      if (charges.length > 0) this.#book(charges);
      if (claims.length === 0 || !this.#isAlive(owner)) {
        return { settled, claimed: claims.map(() => 'fenced' as const) };
      }
      const purgedAtMs = this.#purge()?.purgedAtMs ?? 0;
      return { settled, claimed: claims.map((claim) => this.#claim(owner, claim, purgedAtMs)) };
    });
  }

  async summary(fromMs: number, toMs: number): Promise<Reply<ProcessorTotals[]>> {
    const ranges = rangesOf(Math.max(fromMs, 0), Math.min(toMs, LAST_MS));
    const reply = await this.#read(() => {
      const names = this.#namesByNumber();
      const totalsOf = (number: number) => ({
        name: nameOf(names, number),
        ...this.#sum(number, ranges),
      });
      const others = [...names.keys()].filter((number) => !this.#processorNumbers.includes(number));
      return [
        ...this.#processorNumbers.map(totalsOf),
        ...others.map(totalsOf).filter(({ count }) => count > 0),
      ];
    });
    return reply.kind === 'ok' ? exactly(reply.value) : reply;
  }

  stranded(nowMs: number): Promise<Reply<StrandedPayments[]>> {
    return this.#read(() => {
      const counts = new Map<number, number>();
      for (const [owner, { leaseUntilMs }] of this.#allOwners()) {
        if (leaseUntilMs > nowMs) continue;
        this.#held(owner, Infinity, (entry) => {
          const { processorNumber } = entry;
          if (this.#isForeign(entry)) counts.set(processorNumber, (counts.get(processorNumber) ?? 0) + 1);
          return false;
        });
      }
      const names = this.#namesByNumber();
      const numbers = [...counts.keys()].sort((one, other) => one - other);
      return numbers.map((number) => ({ name: nameOf(names, number), count: counts.get(number) ?? 0 }));
    });
  }

  find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return this.#read(() => {
      const entry = this.#entry(entryKey(correlationId));
      return entry && this.#shown(correlationId, entry);
    });
  }

  page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit must be positive');
    const range = { limit, ...(after === '' ? {} : { start: keyAfter(after) }) };
    return this.#read(() => {
      const entries: LedgerEntry[] = [];
      let lookedCount = 0;
      let last = '';
      for (const { key, value } of this.#entries.getRange(range)) {
        lookedCount++;
        last = readUuid(key, 0);
        const entry = readEntry(value);
        if (mayHaveBeenSent(entry, fromMs, toMs)) entries.push(this.#shown(last, entry));
      }
      return { entries, next: lookedCount < limit ? null : last };
    });
  }

  purge(purgedAtMs: number): Promise<Reply<void>> {
    return this.#write(() => {
      this.#entries.clearSync();
      this.#holdings.clearSync();
      this.#timeIndex.clearSync();
      const latestMs = Math.max(purgedAtMs, this.#purge()?.purgedAtMs ?? 0);
      this.#records.putSync(PURGE_KEY, doubleBytes(this.#nextRevision(), latestMs));
    });
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<HealthTurn>> {
    const key = healthTurnKey(this.#processorNumber(processor));
    return this.#write(() => {
      const turn = this.#records.get(key)?.readDoubleBE(0) ?? 0;
      if (turn > lastTurn) return { turn, isTaken: false };
      this.#records.putSync(key, doubleBytes(lastTurn + 1));
      return { turn: lastTurn + 1, isTaken: true };
    });
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    const number = this.#processorNumber(report.processor);
    return this.#write(() => {
      this.#records.putSync(healthKey(number), healthBytes({ ...report, revision: this.#nextRevision() }));
    });
  }

  /** LMDB cannot notify, so a subscription polls the revision every `pollMs`, and reads more only if it changed. */
  async subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    let heard = 0;
    let cancel = () => {};
    const look = async () => {
      const reply = await this.#read(() => this.#eventsAfter(heard));
      if (!this.#unsubscribes.has(unsubscribe)) return reply;
      cancel = this.#clock.after(this.#pollMs, () => void look());
      if (reply.kind === 'unavailable') return reply;
      heard = reply.value.revision;
      for (const event of reply.value.events) listener(event);
      return reply;
    };
    const unsubscribe = () => {
      this.#unsubscribes.delete(unsubscribe);
      cancel();
    };
    this.#unsubscribes.add(unsubscribe);
    const first = await look();
    if (first.kind === 'ok') return ok(unsubscribe);
    unsubscribe();
    return first;
  }

  /** An empty transaction waits for the write lock, as a commit does. */
  ping(): Promise<Reply<void>> {
    return this.#write(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    await this.#root.close();
  }

  #write<T>(work: () => T): Promise<Reply<T>> {
    return this.#answer(() => this.#root.transactionSync(work, COMMIT_FLAGS));
  }

  /** Takes a new snapshot: one from earlier in this turn of the event loop may miss writes of other threads. */
  #read<T>(work: () => T): Promise<Reply<T>> {
    return this.#answer(() => {
      this.#root.resetReadTxn();
      return work();
    });
  }

  async #answer<T>(run: () => T): Promise<Reply<T>> {
    if (this.#closed) return unavailable('the ledger is closed');
    try {
      return ok(run());
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
        return unavailable(error.message);
      }
      throw error;
    }
  }

  /** The numbers of these names. A name gets its number when it is first seen, for good. */
  #register(processorNames: readonly string[]): number[] {
    const named = this.#records.getCount(processorNameKeys());
    let last = named;
    return processorNames.map((name) => {
      const known = this.#registeredNumber(name);
      if (known !== undefined) return known;
      last++;
      assert(last <= PROCESSOR_NUMBER_MAX, 'a ledger can hold at most 65,535 processors');
      this.#records.putSync(processorNameKey(name), Buffer.from([last >> 8, last & 0xff]));
      return last;
    });
  }

  #registered(processorNames: readonly string[]): number[] {
    this.#root.resetReadTxn();
    return processorNames.map((name) => {
      const number = this.#registeredNumber(name);
      assert(number !== undefined, 'processors must be registered before the ledger is opened to read');
      return number;
    });
  }

  #registeredNumber(name: string): number | undefined {
    return this.#records.get(processorNameKey(name))?.readUInt16BE(0);
  }

  #processorNumber(processor: number): number {
    assertProcessor(this.#processorNumbers.length, processor);
    return this.#processorNumbers[processor] as number;
  }

  #name(processorNumber: number): string {
    const position = this.#processorNumbers.indexOf(processorNumber);
    return this.#processorNames[position] ?? nameOf(this.#namesByNumber(), processorNumber);
  }

  #settle(owner: number, settlement: Settlement, charges: Settlement[]): SettleReply {
    const id = entryKey(settlement.correlationId);
    const entry = this.#entry(id);
    const processorNumber = this.#processorNumber(settlement.processor);
    if (entry === undefined) return 'fenced';
    if (entry.status === 'settled' || entry.status === 'rejected') {
      const isSame =
        entry.status === settlement.status &&
        entry.processorNumber === processorNumber &&
        entry.requestedAtMs === settlement.requestedAtMs;
      return isSame ? 'recorded' : 'fenced';
    }
    if (entry.status === 'accepted' || entry.owner !== owner) return 'fenced';
    entry.status = settlement.status;
    entry.owner = 0;
    entry.processorNumber = processorNumber;
    entry.requestedAtMs = settlement.requestedAtMs;
    if (settlement.status === 'settled') charges.push(settlement);
    else entry.reason = keptReason(settlement.reason);
    this.#entries.putSync(id, entryBytes(entry));
    this.#holdings.removeSync(holdingKey(owner, id));
    return 'recorded';
  }

  /** Adds up the charges of each bucket first: most of a batch shares its second and everything above. */
  #book(charges: readonly Settlement[]): void {
    const buckets = new Map<string, { key: Buffer; count: number; amountCents: number }>();
    for (const charge of charges) {
      const number = this.#processorNumber(charge.processor);
      for (const unit of UNIT_SPANS_MS.keys()) {
        const key = timeIndexKey(unit, number, unitStartMs(unit, charge.requestedAtMs));
        const name = key.toString('latin1');
        const bucket = buckets.get(name) ?? { key, count: 0, amountCents: 0 };
        bucket.count++;
        bucket.amountCents += charge.amountCents;
        buckets.set(name, bucket);
      }
    }
    for (const { key, count, amountCents } of buckets.values()) this.#addToBucket(key, count, amountCents);
  }

  #addToBucket(key: Buffer, count: number, amountCents: number): void {
    const stored = this.#timeIndex.get(key);
    const before = stored === undefined ? { count: 0, amountCents: 0 } : readTotals(stored);
    const after = { count: before.count + count, amountCents: before.amountCents + amountCents };
    this.#timeIndex.putSync(key, totalsBytes(after));
  }

  #sum(processorNumber: number, ranges: readonly TimeRange[]): Totals {
    let count = 0;
    let amountCents = 0;
    for (const { unit, firstMs, lastMs } of ranges) {
      const start = timeIndexKey(unit, processorNumber, firstMs);
      const end = timeIndexKey(unit, processorNumber, lastMs);
      for (const { value } of this.#timeIndex.getRange({ start, end, inclusiveEnd: true })) {
        const bucket = readTotals(value);
        count += bucket.count;
        amountCents += bucket.amountCents;
      }
    }
    return { count, amountCents };
  }

  #claim(owner: number, claim: Claim, purgedAtMs: number): ClaimReply {
    const id = entryKey(claim.correlationId);
    const entry = this.#entry(id);
    if (entry === undefined) return this.#claimUnknown(owner, claim, id, purgedAtMs);
    if (entry.amountCents !== claim.amountCents) {
      this.#recordConflict(id, entry, claim.amountCents);
      return 'conflict';
    }
    if (entry.status === 'settled' || entry.status === 'rejected') return 'known';
    const mayDispatch = entry.status === 'accepted' && claim.processor !== null;
    if (entry.owner !== owner && !mayDispatch) return 'known';
    if (claim.processor !== null) this.#dispatch(id, entry, owner, claim.processor, claim.requestedAtMs);
    return 'claimed';
  }

  #claimUnknown(owner: number, claim: Claim, id: Buffer, purgedAtMs: number): ClaimReply {
    if (isPurged(claim, purgedAtMs)) return 'purged';
    const isDispatch = claim.processor !== null;
    const entry: StoredEntry = {
      status: isDispatch ? 'dispatched' : 'accepted',
      processorNumber: claim.processor === null ? 0 : this.#processorNumber(claim.processor),
      owner,
      attempts: isDispatch ? 1 : 0,
      acceptedAtMs: claim.acceptedAtMs,
      requestedAtMs: isDispatch ? claim.requestedAtMs : 0,
      amountCents: claim.amountCents,
      conflictingAmountCents: 0,
      reason: '',
    };
    this.#entries.putSync(id, entryBytes(entry));
    this.#holdings.putSync(holdingKey(owner, id), HOLDING_VALUE);
    return 'claimed';
  }

  #recordConflict(id: Buffer, entry: StoredEntry, amountCents: number): void {
    if (entry.conflictingAmountCents !== 0) return;
    entry.conflictingAmountCents = amountCents;
    this.#entries.putSync(id, entryBytes(entry));
  }

  /** The same processor and stamp mean a repeated commit, which is not another attempt. */
  #dispatch(id: Buffer, entry: StoredEntry, owner: number, processor: number, requestedAtMs: number): void {
    const processorNumber = this.#processorNumber(processor);
    const isRepeated =
      entry.status === 'dispatched' &&
      entry.processorNumber === processorNumber &&
      entry.requestedAtMs === requestedAtMs;
    if (isRepeated) return;
    if (entry.owner !== owner) this.#moveHolding(id, entry.owner, owner);
    entry.status = 'dispatched';
    entry.processorNumber = processorNumber;
    entry.owner = owner;
    entry.attempts++;
    entry.requestedAtMs = requestedAtMs;
    this.#entries.putSync(id, entryBytes(entry));
  }

  /** Moves an entry to another owner. */
  #handOver(id: Buffer, to: number): LedgerEntry {
    const entry = this.#heldEntry(id);
    this.#moveHolding(id, entry.owner, to);
    entry.owner = to;
    this.#entries.putSync(id, entryBytes(entry));
    return this.#shown(readUuid(id, 0), entry);
  }

  #moveHolding(id: Buffer, from: number, to: number): void {
    this.#holdings.removeSync(holdingKey(from, id));
    this.#holdings.putSync(holdingKey(to, id), HOLDING_VALUE);
  }

  /** The ids of up to `limit` entries that an owner holds and, if given, `isWanted` accepts. */
  #held(owner: number, limit: number, isWanted?: (entry: StoredEntry) => boolean): Buffer[] {
    const range = { ...holdingKeys(owner), inclusiveEnd: true };
    const ids: Buffer[] = [];
    for (const { key } of this.#holdings.getRange(range)) {
      const id = Buffer.from(key.subarray(HOLDING_ID_AT));
      if (isWanted !== undefined && !isWanted(this.#heldEntry(id))) continue;
      ids.push(id);
      if (ids.length === limit) break;
    }
    return ids;
  }

  #heldEntry(id: Buffer): StoredEntry {
    const entry = this.#entry(id);
    assert(entry !== undefined, 'a holding must have an entry');
    return entry;
  }

  /** Whether the entry is at a processor that this ledger was not opened with. */
  #isForeign({ processorNumber }: StoredEntry): boolean {
    return processorNumber !== 0 && !this.#processorNumbers.includes(processorNumber);
  }

  /** All processors in the books, by number, ascending. Another process may add one at any time. */
  #namesByNumber(): ReadonlyMap<number, string> {
    const names: [number, string][] = [];
    for (const { key, value } of this.#records.getRange(processorNameKeys())) {
      names.push([value.readUInt16BE(0), processorNameOf(key)]);
    }
    return new Map(names.sort(([one], [other]) => one - other));
  }

  #entry(id: Buffer): StoredEntry | undefined {
    const bytes = this.#entries.get(id);
    return bytes && readEntry(bytes);
  }

  #shown(correlationId: string, entry: StoredEntry): LedgerEntry {
    const { processorNumber, conflictingAmountCents, ...rest } = entry;
    const position = this.#processorNumbers.indexOf(processorNumber);
    return {
      correlationId,
      ...rest,
      processor: position === -1 ? null : position,
      processorName: processorNumber === 0 ? null : this.#name(processorNumber),
      conflictingAmountCents: conflictingAmountCents === 0 ? null : conflictingAmountCents,
    };
  }

  #allOwners(): [owner: number, record: StoredOwner][] {
    const range = { start: FIRST_OWNER_KEY, end: LAST_OWNER_KEY, inclusiveEnd: true };
    return Array.from(this.#records.getRange(range), ({ key, value }) => [
      key.readUInt32BE(OWNER_NUMBER_AT),
      readOwner(value),
    ]);
  }

  #owner(owner: number): StoredOwner | undefined {
    const bytes = this.#records.get(ownerKey(owner));
    return bytes && readOwner(bytes);
  }

  #putOwner(owner: number, record: StoredOwner): void {
    this.#records.putSync(ownerKey(owner), ownerBytes(record));
  }

  #isAlive(owner: number): boolean {
    return this.#owner(owner)?.fenced === false;
  }

  #purge(): { readonly revision: number; readonly purgedAtMs: number } | undefined {
    const bytes = this.#records.get(PURGE_KEY);
    return bytes && { revision: bytes.readDoubleBE(0), purgedAtMs: bytes.readDoubleBE(8) };
  }

  #revision(): number {
    return this.#records.get(REVISION_KEY)?.readDoubleBE(0) ?? 0;
  }

  #nextRevision(): number {
    const revision = this.#revision() + 1;
    this.#records.putSync(REVISION_KEY, doubleBytes(revision));
    return revision;
  }

  #eventsAfter(heard: number): { readonly revision: number; readonly events: readonly LedgerEvent[] } {
    const latest = this.#revision();
    const events: LedgerEvent[] = [];
    if (latest === heard) return { revision: latest, events };
    for (const [processor, number] of this.#processorNumbers.entries()) {
      const bytes = this.#records.get(healthKey(number));
      if (bytes === undefined) continue;
      const { revision, ...health } = readHealth(bytes);
      if (revision > heard) events.push({ kind: 'health', report: { processor, ...health } });
    }
    const purge = this.#purge();
    if (purge !== undefined && purge.revision > heard) {
      events.push({ kind: 'purged', purgedAtMs: purge.purgedAtMs });
    }
    return { revision: latest, events };
  }
}

function nameOf(names: ReadonlyMap<number, string>, processorNumber: number): string {
  const name = names.get(processorNumber);
  assert(name !== undefined, 'a processor number must have a name');
  return name;
}
