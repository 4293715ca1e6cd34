import assert from 'node:assert/strict';
import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../../core/clock.ts';
import { clientOptions, type Tls } from '../../core/tls.ts';
import { UUID_BYTES } from '../../core/uuid.ts';
import { assertCommit, assertProcessor, LAST_MS } from '../commit.ts';
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
import { RedisConnection, type RedisDriver, type Send } from './connection.ts';
import { LIBRARY, LIBRARY_SOURCE } from './library.ts';
import {
  doubleBytes,
  healthBytes,
  ownerBytes,
  type ProcessorNumbers,
  processorNumberOf,
  readEntry,
  readGaps,
  readHealth,
  readLabel,
  readOwner,
  readScatteredId,
  Sums,
  scatteredId,
  sessionBytes,
  workerBytes,
  writeCommit,
} from './records.ts';
import { type Gap, Retained } from './retained.ts';

export interface RedisLedgerOptions {
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  /** Returns a number in [0, 1), for the backoff and the session id. */
  readonly random: () => number;
  /** For `rediss://` URLs. */
  readonly tls?: Tls;
  /** Prefix of all keys; the part in braces puts them into one cluster slot. Default `{dinossauro}:`. */
  readonly root?: string;
  /** A call without an answer replies `unavailable` after this time. Default 2,000 ms. */
  readonly timeoutMs?: number;
  /** How many calls may wait for an answer at once. Default 1,024. */
  readonly pendingLimit?: number;
  /** How long after acknowledging a write Redis may still lose it in a crash. Default 3,000 ms. */
  readonly retentionMs?: number;
  /** Bytes of such writes to keep; commits are refused while this limit is reached. Default 16 MiB. */
  readonly retainedBytes?: number;
  /** After Redis restarts, how long to wait while gateways restore lost writes. Default 1,500 ms. */
  readonly graceMs?: number;
}

const SETTLE_REPLIES: readonly SettleReply[] = ['recorded', 'fenced'];
const CLAIM_REPLIES: readonly ClaimReply[] = ['claimed', 'known', 'conflict', 'purged', 'fenced'];

const ROOT_DEFAULT = '{dinossauro}:';
const ROOT = /^[\w:.-]*\{[\w:.-]+\}[\w:.-]*:$/;
/** `P`, the first byte of a purge event. */
const PURGED = 0x50;
const NO_SESSION = Buffer.alloc(0);
/** Empty parts of a health row: a turn before the first, and a report older than any other. */
const NO_TURN = doubleBytes(0);
const NO_HEALTH = Buffer.alloc(17);
const SWEEP_STEP = 500;
const SWEEP_PAUSE_MS = 10;

/** A subscriber and the latest events it got, so that a new connection repeats none. */
interface Subscription {
  readonly listener: (event: LedgerEvent) => void;
  readonly checkedAtMs: Map<number, number>;
  purgedAtMs: number;
}

/** The result of a write, and the function and arguments that restore it; null if it need not be restored. */
interface Written<T> {
  readonly value: T;
  readonly restore: string | null;
  readonly args: readonly (string | Buffer)[];
}

/** The books that a connection opened. */
interface OpenBooks extends ProcessorNumbers {
  readonly id: string;
}

/**
 * The ledger in Redis 7 or later, shared by all instances. Every call is one Redis Function (`functions/`), which runs
 * atomically; a commit is one command regardless of its size.
 *
 * Acknowledged writes are kept for a while and restored if Redis loses them (retained.ts); docs/reliability.md says
 * what this covers.
 *
 * While Redis is unreachable, loading, full or read-only, every call replies `unavailable`, at once or after
 * `timeoutMs`, and the ledger reconnects in the background.
 */
export class RedisLedger implements Ledger {
  readonly #options: RedisLedgerOptions;
  readonly #root: string;
  readonly #meta: string;
  readonly #connection: RedisConnection;
  readonly #retained: Retained;
  readonly #ledgerId: Buffer;
  readonly #subscriptions = new Set<Subscription>();
  /** Takeovers whose reply was lost, from -> to: their entries must be sent again. */
  readonly #lostTakeovers = new Map<number, number>();
  #connections = 0;
  #session: Buffer = NO_SESSION;
  #books: OpenBooks = { id: '', numbers: [], positions: [], names: [] };
  #isSubscribed = false;
  /** The running sweep removes generations below this one; 0 if no sweep is running. */
  #sweepingFor = 0;
  #cancelSweep: () => void = () => {};
  #cancelGrace: () => void = () => {};

  /**
   * `redis://[user:password@]host[:6379][/db]`, `rediss://` for TLS, `unix:///path/to/redis.sock[?db=1]`.
   * Resolves after the first attempt to connect, whether or not it succeeded. Throws on a malformed URL.
   */
  static async open(url: string, options: RedisLedgerOptions): Promise<RedisLedger> {
    const ledger = new RedisLedger(url, options);
    await ledger.#connection.tried;
    return ledger;
  }

  private constructor(url: string, options: RedisLedgerOptions) {
    this.#options = options;
    this.#root = options.root ?? ROOT_DEFAULT;
    assert(ROOT.test(this.#root), 'the root must have a hash tag and no glob characters');
    const { processorNames, clock, random } = options;
    assert(new Set(processorNames).size === processorNames.length, 'processor names must be unique');
    this.#meta = `${this.#root}meta`;
    this.#ledgerId = Buffer.from(Array.from({ length: 8 }, () => Math.floor(random() * 256)));
    const timeoutMs = options.timeoutMs ?? 2000;
    const pendingLimit = options.pendingLimit ?? 1024;
    const retentionMs = options.retentionMs ?? 3000;
    this.#retained = new Retained({ clock, retentionMs, limitBytes: options.retainedBytes ?? 2 ** 24 });
    this.#connection = new RedisConnection({
      newDriver: () => newDriver(url, options.tls ?? {}, timeoutMs, pendingLimit),
      prepare: (send) => this.#prepare(send),
      clock,
      random,
      timeoutMs,
      pendingLimit,
    });
  }

  async acquireLease(worker: WorkerId, leaseUntilMs: number): Promise<Reply<number>> {
    const row = [this.#session, doubleBytes(leaseUntilMs), workerBytes(worker)];
    return this.#write('acquireLease', row, (reply) => {
      const owner = Number(reply);
      return { value: owner, restore: 'restoreOwner', args: [String(owner), ...row] };
    });
  }

  async renewLease(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    const args = [String(owner), doubleBytes(leaseUntilMs)];
    return this.#write('renewLease', args, (reply) => ({ value: isOne(reply), restore: 'renewLease', args }));
  }

  async releaseLease(owner: number): Promise<Reply<void>> {
    const args = [String(owner)];
    return this.#write('releaseLease', args, () => ({ value: undefined, restore: 'releaseLease', args }));
  }

  async owners(): Promise<Reply<OwnerRecord[]>> {
    return mapped(await this.#call('owners'), (reply) =>
      pairsOf(reply)
        .map(([owner, row]) => readOwner(Number(owner), row))
        .filter(({ record, isHandedOver }) => !isHandedOver || this.#lostTakeovers.has(record.owner))
        .map(({ record }) => record)
        .sort((a, b) => a.owner - b.owner),
    );
  }

  async takeOver(
    from: number,
    to: number,
    limit: number,
    ifNotRenewedMs = Infinity,
  ): Promise<Reply<LedgerEntry[]>> {
    assert(from !== to, 'an owner cannot take over from itself');
    assert(limit > 0, 'the limit of a takeover must be positive');
    const again = this.#lostTakeovers.get(from) === to ? '1' : '0';
    const [dead, successor] = [ownerBytes(from), ownerBytes(to)];
    const expiry = doubleBytes(ifNotRenewedMs);
    const args = [this.#session, dead, successor, String(limit), expiry, again, this.#knownNumbers];
    const taken = await this.#write('takeOver', args, (reply) => {
      const entries = pairsOf(reply);
      const value = entries.map(([id, entry]) => readEntry(readScatteredId(id), entry, this.#books));
      const restore = entries.length === 0 ? null : 'restoreTakeOver';
      return { value, restore, args: [dead, successor, ...entries.flat()] };
    });
    if (taken.kind === 'unavailable') this.#lostTakeovers.set(from, to);
    else this.#lostTakeovers.delete(from);
    return taken;
  }

  async commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#options.processorNames.length, settlements, claims);
    // Any answer proves that Redis is alive, so that older writes need not be kept any longer.
    if (this.#retained.isFull) await this.ping();
    if (this.#retained.isFull) return unavailable('too many recent writes that Redis may still lose');
    const payload = writeCommit(this.#session, owner, settlements, claims, this.#books);
    return this.#write('commit', [payload], (reply) => {
      const bytes = bytesOf(reply);
      assert(
        bytes.length === settlements.length + claims.length,
        'a commit has one reply for each settlement and claim',
      );
      const value = {
        settled: settlements.map((_, index) => SETTLE_REPLIES[bytes[index] as number] as SettleReply),
        claimed: claims.map(
          (_, index) => CLAIM_REPLIES[bytes[settlements.length + index] as number] as ClaimReply,
        ),
      };
      // A copy, because the reply is a view of a larger buffer.
      return { value, restore: 'restoreCommit', args: [payload, Buffer.from(bytes)] };
    });
  }

  async stranded(nowMs: number): Promise<Reply<StrandedPayments[]>> {
    const reply = await this.#call('stranded', doubleBytes(nowMs), this.#knownNumbers);
    if (reply.kind === 'unavailable') return reply;
    const counts = countsOf(reply.value);
    return mapped(await this.#loadNames([...counts.keys()]), () =>
      Array.from(counts, ([number, count]) => ({ name: this.#nameOf(number), count })),
    );
  }

  async summary(fromMs: number, toMs: number): Promise<Reply<ProcessorTotals[]>> {
    const [low, high] = [Math.max(0, Math.ceil(fromMs)), Math.min(LAST_MS, Math.floor(toMs))];
    const window = wholeSeconds(low, high);
    const reply = await this.#call(
      'summary',
      String(window.first),
      String(window.end),
      window.headEdge === undefined ? '' : String(window.headEdge),
      window.tailEdge === undefined ? '' : String(window.tailEdge),
    );
    if (reply.kind === 'unavailable') return reply;
    const [counters, head, tail] = listOf(reply.value).map(bytesOf) as [Buffer, Buffer, Buffer];
    const sums = new Sums();
    sums.addCounters(counters);
    sums.addBucket(head, (window.headEdge ?? 0) * 1000, low, high);
    sums.addBucket(tail, (window.tailEdge ?? 0) * 1000, low, high);
    const others = sums.numbers.filter((number) => !this.#books.numbers.includes(number));
    const named = await this.#loadNames(others);
    if (named.kind === 'unavailable') return named;
    return exactly([...this.#books.numbers, ...others].map((number) => this.#totals(sums, number)));
  }

  async find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    const reply = await this.#call('find', scatteredId(correlationId));
    if (reply.kind === 'unavailable') return reply;
    if (reply.value === null) return ok(undefined);
    const entry = bytesOf(reply.value);
    return mapped(await this.#loadNames([processorNumberOf(entry)]), () =>
      readEntry(correlationId, entry, this.#books),
    );
  }

  async page(fromMs: number, toMs: number, after: string, limit: number): Promise<Reply<LedgerPage>> {
    assert(limit > 0, 'the limit of a page must be positive');
    const [low, high] = [Math.max(0, Math.ceil(fromMs)), Math.min(LAST_MS, Math.floor(toMs))];
    const args = [String(low), String(high), after === '' ? '0' : after, String(limit)];
    const reply = await this.#call('page', ...args);
    if (reply.kind === 'unavailable') return reply;
    const [next, ...flat] = listOf(reply.value);
    const pairs = pairsOf(flat);
    return mapped(await this.#loadNames(pairs.map(([, entry]) => processorNumberOf(entry))), () => ({
      entries: pairs.map(([id, entry]) => readEntry(readScatteredId(id), entry, this.#books)),
      next: String(next) || null,
    }));
  }

  async purge(purgedAtMs: number): Promise<Reply<void>> {
    const args = [doubleBytes(purgedAtMs)];
    const generation = await this.#write('purge', args, (reply) => ({
      value: Number(reply),
      restore: 'restorePurge',
      args,
    }));
    if (generation.kind === 'ok') this.#sweep(generation.value);
    return mapped(generation, nothing);
  }

  async takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<HealthTurn>> {
    assertProcessor(this.#options.processorNames.length, processor);
    const number = this.#number(processor);
    const next = doubleBytes(lastTurn + 1);
    return this.#write('takeHealthTurn', [number, doubleBytes(lastTurn), next], (reply) => {
      const laterTurn = bytesOf(reply);
      const isTaken = laterTurn.length === 0;
      return {
        value: { turn: isTaken ? lastTurn + 1 : laterTurn.readDoubleBE(0), isTaken },
        // If another ledger took the turn, that ledger restores it.
        restore: isTaken ? 'restoreHealth' : null,
        args: [number, Buffer.concat([next, NO_HEALTH])],
      };
    });
  }

  async publishHealth(report: HealthReport): Promise<Reply<void>> {
    assertProcessor(this.#options.processorNames.length, report.processor);
    const args = [this.#number(report.processor), Buffer.concat([NO_TURN, healthBytes(report)])];
    return this.#write('publishHealth', args, () => ({ value: undefined, restore: 'restoreHealth', args }));
  }

  async subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    const subscription: Subscription = { listener, checkedAtMs: new Map(), purgedAtMs: 0 };
    const state = await this.#connection.ask(async (send) => {
      await this.#listen(send);
      return this.#state(send);
    });
    if (state.kind === 'unavailable') return state;
    // Redis answers in order: this state includes all earlier events, and later ones are still to come.
    this.#subscriptions.add(subscription);
    for (const event of state.value) notify(subscription, event);
    return ok(() => {
      this.#subscriptions.delete(subscription);
    });
  }

  async ping(): Promise<Reply<void>> {
    return mapped(await this.#call('ping'), nothing);
  }

  async close(): Promise<void> {
    this.#cancelSweep();
    this.#cancelGrace();
    this.#subscriptions.clear();
    this.#connection.close();
  }

  /** A write that is restored if Redis loses it after acknowledging it. */
  async #write<T>(
    name: string,
    args: readonly (string | Buffer)[],
    read: (reply: unknown) => Written<T>,
  ): Promise<Reply<T>> {
    return mapped(await this.#call(name, ...args), (labelled) => {
      const [label, reply] = listOf(labelled);
      const written = read(reply);
      if (written.restore !== null)
        this.#retained.keep(readLabel(bytesOf(label)), written.restore, written.args);
      return written.value;
    });
  }

  async #call(name: string, ...args: (string | Buffer)[]): Promise<Reply<unknown>> {
    const sentAtMs = this.#options.clock.monotonicMs();
    const { id } = this.#books;
    const reply = await this.#connection.ask((send) => callFunction(send, name, this.#meta, id, ...args));
    if (reply.kind === 'ok') this.#retained.answered(sentAtMs);
    return reply;
  }

  #number(processor: number): string {
    return String(this.#books.numbers[processor] ?? 0);
  }

  /** The numbers of the processors that this ledger was opened with, one byte each. */
  get #knownNumbers(): Buffer {
    return Buffer.from(this.#books.numbers);
  }

  /** Reloads the names if one of these numbers is unknown: another instance has registered it since. */
  async #loadNames(numbers: readonly number[]): Promise<Reply<void>> {
    const { id, names } = this.#books;
    if (numbers.every((number) => number === 0 || names[number] !== undefined)) return ok(undefined);
    const reply = await this.#connection.ask((send) => callFunction(send, 'registry', this.#meta));
    if (reply.kind === 'unavailable') return reply;
    const registry = readRegistry(reply.value);
    if (registry.id !== id || this.#books.id !== id)
      return unavailable('Redis no longer holds the same books');
    this.#books = openBooks(registry, this.#options.processorNames);
    return ok(undefined);
  }

  #nameOf(number: number): string {
    const name = this.#books.names[number];
    assert(name !== undefined, 'every processor number has a name');
    return name;
  }

  #totals(sums: Sums, number: number): ProcessorTotals {
    return {
      name: this.#nameOf(number),
      count: sums.counts[number] ?? 0,
      amountCents: sums.cents[number] ?? 0,
    };
  }

  /** Prepares a new connection: opens the books, restores lost writes, and catches up on events. */
  async #prepare(send: Send): Promise<void> {
    this.#cancelSweep();
    this.#cancelGrace();
    this.#sweepingFor = 0;
    await refuseCluster(send);
    const life = await inspect(send);
    const registry = await this.#register(send, life);
    const books = openBooks(registry, this.#options.processorNames);
    if (!isSameBooks(books, this.#books)) this.#retained.clear();
    this.#books = books;
    this.#connections++;
    this.#session = sessionBytes(this.#ledgerId, this.#connections);
    this.#isSubscribed = false;
    const graceMs = this.#options.graceMs ?? 1500;
    // At most `graceMs`, even if the clock of Redis was set back.
    const leftMs = Math.min(graceMs, graceMs - registry.ageMs);
    const generation = await this.#restore(send, registry, leftMs <= 0);
    if (leftMs > 0) await this.#grace(leftMs);
    if (this.#subscriptions.size > 0) await this.#catchUp(send);
    if (registry.swept < generation) this.#sweep(generation);
  }

  async #register(send: Send, life: string): Promise<Registry> {
    const { processorNames } = this.#options;
    let registry = readRegistry(await callFunction(send, 'registry', this.#meta));
    const unknown = processorNames.filter((name) => !registry.numberOf.has(name));
    if (unknown.length > 0 || registry.id === '') {
      const newId = this.#ledgerId.toString('hex');
      registry = readRegistry(await callFunction(send, 'register', this.#meta, newId, life, ...unknown));
    }
    if (life === '' || registry.life === life) return registry;
    return readRegistry(await callFunction(send, 'begin', this.#meta, registry.id, life));
  }

  /** Restores lost writes; returns the generation of the books afterwards. */
  async #restore(send: Send, { gaps, generation }: Registry, isLate: boolean): Promise<number> {
    let latest = generation;
    const again = async (name: string, args: readonly (string | Buffer)[]) => {
      const [label] = listOf(await callFunction(send, name, this.#meta, this.#books.id, ...args));
      const read = readLabel(bytesOf(label));
      latest = read.generation;
      return read;
    };
    await this.#retained.restore(again, gaps, isLate);
    return latest;
  }

  /**
   * Waits while other gateways restore what Redis lost: without their claims, this one could claim payments that they
   * have already sent.
   */
  #grace(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cancelGrace = this.#options.clock.after(leftMs, resolve);
    });
  }

  async #catchUp(send: Send): Promise<void> {
    await this.#listen(send);
    const events = await this.#state(send);
    for (const subscription of this.#subscriptions) {
      for (const event of events) if (isNew(subscription, event)) notify(subscription, event);
    }
  }

  /** Pub/sub shares the connection: RESP3 delivers messages between replies. */
  async #listen(send: Send): Promise<void> {
    if (this.#isSubscribed) return;
    await send.subscribe(`${this.#root}notices:${this.#books.id}`, (message) => {
      const event = this.#eventOf(message);
      if (event === undefined) return;
      for (const subscription of this.#subscriptions) notify(subscription, event);
    });
    this.#isSubscribed = true;
  }

  #eventOf(message: Buffer): LedgerEvent | undefined {
    if (message[0] === PURGED) return purgeEvent(message.readDoubleBE(1));
    const processor = this.#books.positions[message[1] as number];
    if (processor === undefined) return undefined;
    return { kind: 'health', report: readHealth(processor, message.subarray(2)) };
  }

  async #state(send: Send): Promise<LedgerEvent[]> {
    const [health, purgedAt] = listOf(await callFunction(send, 'state', this.#meta, this.#books.id));
    const events: (LedgerEvent | undefined)[] = pairsOf(health).map(([number, row]) => {
      const processor = this.#books.positions[Number(number)];
      // A row without a check holds only a turn.
      if (processor === undefined || row.readDoubleBE(8) === 0) return undefined;
      return { kind: 'health', report: readHealth(processor, row.subarray(8)) };
    });
    events.push(purgeEvent(bytesOf(purgedAt).readDoubleBE(0)));
    return events.filter((event) => event !== undefined);
  }

  /** Unlinks the keys of older generations in small steps. The next to open the books continues if this is cut short. */
  #sweep(generation: number): void {
    const isSweeping = this.#sweepingFor > 0;
    this.#sweepingFor = Math.max(this.#sweepingFor, generation);
    if (!isSweeping) this.#sweepOn('0', this.#sweepingFor);
  }

  #sweepOn(cursor: string, generation: number): void {
    this.#cancelSweep = this.#options.clock.after(
      SWEEP_PAUSE_MS,
      () => void this.#sweepStep(cursor, generation),
    );
  }

  async #sweepStep(cursor: string, generation: number): Promise<void> {
    const next = await this.#connection.ask((send) => unlinkOld(send, this.#root, generation, cursor));
    if (next.kind === 'unavailable') {
      this.#sweepingFor = 0;
      return;
    }
    if (next.value !== '0') return this.#sweepOn(next.value, generation);
    await this.#call('swept', String(generation));
    if (this.#sweepingFor > generation) return this.#sweepOn('0', this.#sweepingFor);
    this.#sweepingFor = 0;
  }
}

/** A driver that is not connected yet, for a connection or for read-only inspection. */
export function newDriver(url: string, tls: Tls, timeoutMs: number, pendingLimit: number): RedisDriver {
  const client = createClient({
    url,
    RESP: 3,
    socket: { ...clientOptions(tls), connectTimeout: timeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    commandsQueueMaxLength: pendingLimit,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Commands have no timers of their own: the connection watches the oldest.
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  return client as unknown as RedisDriver;
}

/** `Ledger.stranded` without writing anything to Redis. Empty if there are no books yet. */
export async function strandedIn(
  driver: RedisDriver,
  processorNames: readonly string[],
  nowMs: number,
): Promise<StrandedPayments[]> {
  const meta = `${ROOT_DEFAULT}meta`;
  try {
    const registry = readRegistry(await driver.sendCommand(['FCALL', `${LIBRARY}_registry`, '1', meta]));
    const known = Buffer.from(processorNames.flatMap((name) => registry.numberOf.get(name) ?? []));
    const args = [meta, registry.id, doubleBytes(nowMs), known];
    const reply = await driver.sendCommand(['FCALL', `${LIBRARY}_stranded`, '1', ...args]);
    const counts = countsOf(reply);
    return [...registry.numberOf].flatMap(([name, number]) => {
      const count = counts.get(number);
      return count === undefined ? [] : [{ name, count }];
    });
  } catch (error) {
    // No gateway of this version has used this Redis, or its books were replaced: nothing to report.
    if (error instanceof Error && /^(ERR|BOOKS|NOPERM)/.test(error.message)) return [];
    throw error;
  }
}

/** Calls a function of the library, loading the library first if Redis does not have it. */
async function callFunction(
  send: Send,
  name: string,
  meta: string,
  ...args: (string | Buffer)[]
): Promise<unknown> {
  const command = ['FCALL', `${LIBRARY}_${name}`, '1', meta, ...args];
  try {
    return await send(command);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('ERR Function not found'))) throw error;
  }
  await loadLibrary(send);
  return send(command);
}

async function loadLibrary(send: Send): Promise<void> {
  try {
    await send(['FUNCTION', 'LOAD', LIBRARY_SOURCE]);
  } catch (error) {
    // Another connection loaded it first. It is the same: its name carries the hash.
    if (!(error instanceof Error && error.message.includes('already exists'))) throw error;
  }
}

/** Throws if Redis runs in cluster mode: while slots move, the functions would change only a part of the books. */
async function refuseCluster(send: Send): Promise<void> {
  // HELLO, because every account may run it.
  const hello: unknown = await send(['HELLO']);
  assert(typeof hello === 'object' && hello !== null && 'mode' in hello, 'HELLO tells the mode of a server');
  if (String(hello.mode) === 'cluster') {
    throw new Error('Redis runs in cluster mode, which is not supported yet: use a server without it');
  }
}

/**
 * Returns the life of this Redis, an id that changes with each restart and each change of its replication role; empty
 * if the account may not run INFO.
 *
 * Throws if Redis evicts keys when it is full, because it would lose payments.
 */
async function inspect(send: Send): Promise<string> {
  let info: string;
  try {
    info = String(await send(['INFO', 'memory', 'server', 'replication']));
  } catch (error) {
    // An account without the right to run INFO is allowed.
    if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
    throw error;
  }
  const policy = /^maxmemory_policy:(allkeys\S*)/m.exec(info)?.[1];
  if (policy !== undefined && !/^maxmemory:0\r?$/m.test(info)) {
    throw new Error(`maxmemory-policy ${policy} would drop payments: set it to noeviction`);
  }
  const [run, history] = [/^run_id:(\w+)/m.exec(info)?.[1], /^master_replid:(\w+)/m.exec(info)?.[1]];
  return `${run}:${history}`;
}

interface Registry {
  readonly id: string;
  readonly generation: number;
  readonly swept: number;
  /** The life of Redis in which the books were last written, and its age, ms. */
  readonly life: string;
  readonly ageMs: number;
  readonly gaps: readonly Gap[];
  readonly numberOf: ReadonlyMap<string, number>;
}

function readRegistry(reply: unknown): Registry {
  const [known, gaps, names] = listOf(reply) as [unknown, unknown, unknown];
  const [id, generation, swept, life, ageMs] = listOf(known).map(String) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const numberOf = pairsOf(names).map(([name, number]) => [String(name), Number(number)] as const);
  return {
    id,
    generation: Number(generation),
    swept: Number(swept),
    life,
    ageMs: Number(ageMs),
    gaps: readGaps(bytesOf(gaps)),
    numberOf: new Map(numberOf),
  };
}

function openBooks({ id, numberOf }: Registry, processorNames: readonly string[]): OpenBooks {
  const positions: (number | undefined)[] = [];
  const names: (string | undefined)[] = [];
  for (const [name, number] of numberOf) names[number] = name;
  const numbers = processorNames.map((name, position) => {
    const number = numberOf.get(name);
    assert(number !== undefined, 'every registered processor has a number');
    positions[number] = position;
    return number;
  });
  return { id, numbers, positions, names };
}

/** Whether processor numbers mean the same in both. */
function isSameBooks(books: OpenBooks, others: OpenBooks): boolean {
  return (
    books.id === others.id && books.numbers.every((number, position) => number === others.numbers[position])
  );
}

/** Unlinks the old keys of one SCAN step; returns the next cursor, `0` after the last. */
async function unlinkOld(send: Send, root: string, generation: number, cursor: string): Promise<string> {
  const command = ['SCAN', cursor, 'MATCH', `${root}*`, 'COUNT', String(SWEEP_STEP)];
  const [next, keys] = listOf(await send(command));
  const old = listOf(keys)
    .map(bytesOf)
    .filter((key) => isOlder(key.toString('latin1', root.length), generation));
  if (old.length > 0) await send(['UNLINK', ...old]);
  return String(next);
}

function isOlder(rest: string, generation: number): boolean {
  const found = /^(\d+):/.exec(rest);
  return found !== null && Number(found[1]) < generation;
}

interface Window {
  /** The whole seconds [first, end) since the epoch; none if first >= end. */
  readonly first: number;
  readonly end: number;
  /** The seconds that the window covers only in part, at its start and at its end. */
  readonly headEdge: number | undefined;
  readonly tailEdge: number | undefined;
}

function wholeSeconds(fromMs: number, toMs: number): Window {
  if (fromMs > toMs) return { first: 0, end: 0, headEdge: undefined, tailEdge: undefined };
  const first = Math.ceil(fromMs / 1000);
  const end = Math.floor((toMs + 1) / 1000);
  const headEdge = fromMs % 1000 === 0 ? undefined : first - 1;
  const tailEdge = (toMs + 1) % 1000 === 0 || end === headEdge ? undefined : end;
  return { first, end, headEdge, tailEdge };
}

function purgeEvent(purgedAtMs: number): LedgerEvent | undefined {
  return purgedAtMs === 0 ? undefined : { kind: 'purged', purgedAtMs };
}

function isNew(subscription: Subscription, event: LedgerEvent): boolean {
  if (event.kind === 'purged') return event.purgedAtMs !== subscription.purgedAtMs;
  return event.report.checkedAtMs !== subscription.checkedAtMs.get(event.report.processor);
}

function notify(subscription: Subscription, event: LedgerEvent): void {
  if (event.kind === 'purged') subscription.purgedAtMs = event.purgedAtMs;
  else subscription.checkedAtMs.set(event.report.processor, event.report.checkedAtMs);
  subscription.listener(event);
}

function mapped<T>(reply: Reply<unknown>, read: (value: unknown) => T): Reply<T> {
  return reply.kind === 'ok' ? ok(read(reply.value)) : reply;
}

function isOne(reply: unknown): boolean {
  return reply === 1;
}

function nothing(): void {}

function bytesOf(reply: unknown): Buffer {
  assert(Buffer.isBuffer(reply), 'expected a bulk string');
  return reply;
}

function listOf(reply: unknown): unknown[] {
  assert(Array.isArray(reply), 'expected an array');
  return reply;
}

/** Reads number, count, number, count, ... */
function countsOf(reply: unknown): Map<number, number> {
  const flat = listOf(reply).map(Number);
  return new Map(
    Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? 0, flat[2 * index + 1] ?? 0]),
  );
}

function pairsOf(reply: unknown): [Buffer, Buffer][] {
  const flat = listOf(reply).map(bytesOf);
  assert(flat.length % 2 === 0, 'expected an even number of elements');
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    flat[2 * index] as Buffer,
    flat[2 * index + 1] as Buffer,
  ]);
}

assert(UUID_BYTES === 16, 'the Lua functions expect ids of 16 bytes');
