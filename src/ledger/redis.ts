import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../clock.ts';
import type { Totals } from '../payment.ts';
import { UUID_BYTES } from '../uuid.ts';
import { assertCommit, assertProcessor, LAST_MS } from './commit.ts';
import {
  type Claim,
  type ClaimReply,
  type CommitReply,
  type HealthReport,
  type Ledger,
  type LedgerEntry,
  type Notice,
  type OwnerRecord,
  ok,
  type Reply,
  type Seat,
  type Settlement,
  type SettleReply,
  unavailable,
} from './ledger.ts';
import { RedisConnection, type RedisDriver, type Send } from './redis-connection.ts';
import {
  doubleBytes,
  healthBytes,
  ownerBytes,
  type ProcessorNumbers,
  readEntry,
  readHealth,
  readOwner,
  readScatteredId,
  Sums,
  scatteredId,
  seatBytes,
  sessionBytes,
  writeCommit,
} from './redis-records.ts';

export interface RedisLedgerOptions {
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  /** Numbers in [0, 1), for the backoff and the name of a session. */
  readonly random: () => number;
  /** What all keys start with; the part in braces puts them into one cluster slot. Default `{dinossauro}:`. */
  readonly root?: string;
  /** After so long without an answer the reply is `unavailable`. Default 2,000 ms. */
  readonly timeoutMs?: number;
  /** Calls that may wait for their answers at once. Default 1,024. */
  readonly pendingLimit?: number;
}

const FUNCTIONS = readFileSync(new URL('redis-functions.lua', import.meta.url), 'utf8');
const LIBRARY = `dinossauro_${createHash('sha256').update(FUNCTIONS).digest('hex').slice(0, 12)}`;
const SOURCE = `#!lua name=${LIBRARY}\nlocal LIBRARY = '${LIBRARY}'\n${FUNCTIONS}`;

const SETTLE_REPLIES: readonly SettleReply[] = ['recorded', 'fenced'];
const CLAIM_REPLIES: readonly ClaimReply[] = ['claimed', 'known', 'conflict', 'purged', 'fenced'];

const ROOT = /^[\w:.-]*\{[\w:.-]+\}[\w:.-]*:$/;
/** The letter that a notice of a purge begins with. */
const PURGED = 0x50;
const NO_SESSION = Buffer.alloc(0);
const SWEEP_STEP = 500;
const SWEEP_PAUSE_MS = 10;

/** One subscriber, and what it has been told last, so that a new connection repeats nothing. */
interface Subscription {
  readonly listener: (notice: Notice) => void;
  readonly checkedAtMs: Map<number, number>;
  purgedAtMs: number;
}

/** Books as a connection found them. */
interface OpenBooks extends ProcessorNumbers {
  readonly id: string;
}

/**
 * The ledger in Redis 7 or later, shared by all instances. Every call is one Function, done by Redis in one piece
 * (redis-functions.lua); a commit is one command whatever its size.
 *
 * While Redis is away, loading, full or read-only, every call answers `unavailable` at once or after `timeoutMs`, and
 * the connection is sought again in the background.
 */
export class RedisLedger implements Ledger {
  readonly #options: RedisLedgerOptions;
  readonly #root: string;
  readonly #meta: string;
  readonly #connection: RedisConnection;
  readonly #ledgerId: Buffer;
  readonly #subscriptions = new Set<Subscription>();
  /** Take-overs whose answer was lost, from -> to: the entries in it must come again. */
  readonly #lostTakeOvers = new Map<number, number>();
  #connections = 0;
  #session: Buffer = NO_SESSION;
  #books: OpenBooks = { id: '', numbers: [], positions: [] };
  #isSubscribed = false;
  /** The generation below which a sweep under way leaves nothing; 0 when none is. */
  #sweepingFor = 0;
  #cancelSweep: () => void = () => {};

  /**
   * `redis://[user:password@]host[:6379][/db]`, `rediss://` for TLS, `unix:///path/to/redis.sock[?db=1]`.
   * Resolves when the first attempt to connect has ended, well or not. Throws on a malformed URL.
   */
  static async open(url: string, options: RedisLedgerOptions): Promise<RedisLedger> {
    const ledger = new RedisLedger(url, options);
    await ledger.#connection.tried;
    return ledger;
  }

  private constructor(url: string, options: RedisLedgerOptions) {
    this.#options = options;
    this.#root = options.root ?? '{dinossauro}:';
    assert(ROOT.test(this.#root), 'a root has a hash tag and no character of a pattern');
    const { processorNames, clock, random } = options;
    assert(new Set(processorNames).size === processorNames.length, 'a processor is named once');
    this.#meta = `${this.#root}meta`;
    this.#ledgerId = Buffer.from(Array.from({ length: 8 }, () => Math.floor(random() * 256)));
    const timeoutMs = options.timeoutMs ?? 2000;
    const pendingLimit = options.pendingLimit ?? 1024;
    this.#connection = new RedisConnection({
      newDriver: () => newDriver(url, timeoutMs, pendingLimit),
      prepare: (send) => this.#prepare(send),
      clock,
      random,
      timeoutMs,
      pendingLimit,
    });
  }

  async enlist(seat: Seat, leaseUntilMs: number): Promise<Reply<number>> {
    const owner = await this.#call('enlist', this.#session, doubleBytes(leaseUntilMs), seatBytes(seat));
    return mapped(owner, Number);
  }

  async renew(owner: number, leaseUntilMs: number): Promise<Reply<boolean>> {
    return mapped(await this.#call('renew', String(owner), doubleBytes(leaseUntilMs)), isOne);
  }

  async retire(owner: number): Promise<Reply<void>> {
    return mapped(await this.#call('retire', String(owner)), nothing);
  }

  async owners(): Promise<Reply<OwnerRecord[]>> {
    return mapped(await this.#call('owners'), (reply) =>
      pairsOf(reply)
        .map(([owner, row]) => readOwner(Number(owner), row))
        .filter(({ record, isHandedOver }) => !isHandedOver || this.#lostTakeOvers.has(record.owner))
        .map(({ record }) => record)
        .sort((a, b) => a.owner - b.owner),
    );
  }

  async takeOver(
    from: number,
    to: number,
    limit: number,
    ifExpiredAtMs = Infinity,
  ): Promise<Reply<LedgerEntry[]>> {
    assert(from !== to, 'nobody takes over from themselves');
    assert(limit > 0, 'a take-over takes something');
    const taken = await this.#call(
      'takeOver',
      this.#session,
      ownerBytes(from),
      ownerBytes(to),
      String(limit),
      doubleBytes(ifExpiredAtMs),
      this.#lostTakeOvers.get(from) === to ? '1' : '0',
    );
    if (taken.kind === 'unavailable') this.#lostTakeOvers.set(from, to);
    else this.#lostTakeOvers.delete(from);
    return mapped(taken, (reply) =>
      pairsOf(reply).map(([id, entry]) => readEntry(readScatteredId(id), entry, this.#books)),
    );
  }

  async commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    assertCommit(this.#options.processorNames.length, settlements, claims);
    const payload = writeCommit(this.#session, owner, settlements, claims, this.#books);
    return mapped(await this.#call('commit', payload), (reply) => {
      const bytes = bytesOf(reply);
      assert(bytes.length === settlements.length + claims.length, 'a reply for each');
      return {
        settled: settlements.map((_, index) => SETTLE_REPLIES[bytes[index] as number] as SettleReply),
        claimed: claims.map(
          (_, index) => CLAIM_REPLIES[bytes[settlements.length + index] as number] as ClaimReply,
        ),
      };
    });
  }

  async summary(fromMs: number, toMs: number): Promise<Reply<Totals[]>> {
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
    sums.addLeaf(head, (window.headEdge ?? 0) * 1000, low, high);
    sums.addLeaf(tail, (window.tailEdge ?? 0) * 1000, low, high);
    return this.#totals(sums);
  }

  async find(correlationId: string): Promise<Reply<LedgerEntry | undefined>> {
    return mapped(await this.#call('find', scatteredId(correlationId)), (reply) =>
      reply === null ? undefined : readEntry(correlationId, bytesOf(reply), this.#books),
    );
  }

  async purge(purgedAtMs: number): Promise<Reply<void>> {
    const reply = await this.#call('purge', doubleBytes(purgedAtMs));
    if (reply.kind === 'ok') this.#sweep(Number(reply.value));
    return mapped(reply, nothing);
  }

  async takeHealthTurn(processor: number, nowMs: number, untilMs: number): Promise<Reply<boolean>> {
    assertProcessor(this.#options.processorNames.length, processor);
    const turn = this.#call(
      'takeHealthTurn',
      this.#number(processor),
      doubleBytes(nowMs),
      doubleBytes(untilMs),
    );
    return mapped(await turn, isOne);
  }

  async publishHealth(report: HealthReport, nextTurnAtMs: number): Promise<Reply<void>> {
    assertProcessor(this.#options.processorNames.length, report.processor);
    const number = this.#number(report.processor);
    return mapped(
      await this.#call('publishHealth', number, doubleBytes(nextTurnAtMs), healthBytes(report)),
      nothing,
    );
  }

  async subscribe(listener: (notice: Notice) => void): Promise<Reply<() => void>> {
    const subscription: Subscription = { listener, checkedAtMs: new Map(), purgedAtMs: 0 };
    const state = await this.#connection.ask(async (send) => {
      await this.#hear(send);
      return this.#state(send);
    });
    if (state.kind === 'unavailable') return state;
    // Redis answers in order: what it published before this state lies behind us, the rest is still to come.
    this.#subscriptions.add(subscription);
    for (const notice of state.value) tell(subscription, notice);
    return ok(() => {
      this.#subscriptions.delete(subscription);
    });
  }

  async ping(): Promise<Reply<void>> {
    return mapped(await this.#call('ping'), nothing);
  }

  async close(): Promise<void> {
    this.#cancelSweep();
    this.#subscriptions.clear();
    this.#connection.close();
  }

  #call(name: string, ...args: (string | Buffer)[]): Promise<Reply<unknown>> {
    return this.#connection.ask((send) => callFunction(send, name, this.#meta, this.#books.id, ...args));
  }

  #number(processor: number): string {
    return String(this.#books.numbers[processor] ?? 0);
  }

  #totals(sums: Sums): Reply<Totals[]> {
    const totals = this.#books.numbers.map((number) => ({
      count: sums.counts[number] ?? 0,
      amountCents: sums.cents[number] ?? 0,
    }));
    if (totals.every(({ amountCents }) => Number.isSafeInteger(amountCents))) return ok(totals);
    return unavailable('the sum is beyond what can be told to the cent');
  }

  /** On each new connection: which books are these, what are their numbers, and what has happened meanwhile. */
  async #prepare(send: Send): Promise<void> {
    await refuseEviction(send);
    const { processorNames } = this.#options;
    let registry = readRegistry(await callFunction(send, 'registry', this.#meta));
    const unknown = processorNames.filter((name) => !registry.numberOf.has(name));
    if (unknown.length > 0 || registry.id === '') {
      const newId = this.#ledgerId.toString('hex');
      registry = readRegistry(await callFunction(send, 'register', this.#meta, newId, ...unknown));
    }
    this.#books = openBooks(registry, processorNames);
    this.#connections++;
    this.#session = sessionBytes(this.#ledgerId, this.#connections);
    this.#isSubscribed = false;
    if (this.#subscriptions.size > 0) await this.#catchUp(send);
    if (registry.swept < registry.generation) this.#sweep(registry.generation);
  }

  async #catchUp(send: Send): Promise<void> {
    await this.#hear(send);
    const notices = await this.#state(send);
    for (const subscription of this.#subscriptions) {
      for (const notice of notices) if (isNews(subscription, notice)) tell(subscription, notice);
    }
  }

  /** Pub/sub shares the connection: with RESP3, messages come beside the replies. */
  async #hear(send: Send): Promise<void> {
    if (this.#isSubscribed) return;
    await send.subscribe(`${this.#root}notices:${this.#books.id}`, (message) => {
      const notice = this.#notice(message);
      if (notice === undefined) return;
      for (const subscription of this.#subscriptions) tell(subscription, notice);
    });
    this.#isSubscribed = true;
  }

  #notice(message: Buffer): Notice | undefined {
    if (message[0] === PURGED) return purgeNotice(message.readDoubleBE(1));
    const processor = this.#books.positions[message[1] as number];
    if (processor === undefined) return undefined;
    return { kind: 'health', report: readHealth(processor, message.subarray(2)) };
  }

  async #state(send: Send): Promise<Notice[]> {
    const [health, purgedAt] = listOf(await callFunction(send, 'state', this.#meta, this.#books.id));
    const notices: (Notice | undefined)[] = pairsOf(health).map(([number, row]) => {
      const processor = this.#books.positions[Number(number)];
      // A row without a check only holds a turn.
      if (processor === undefined || row.readDoubleBE(8) === 0) return undefined;
      return { kind: 'health', report: readHealth(processor, row.subarray(8)) };
    });
    notices.push(purgeNotice(bytesOf(purgedAt).readDoubleBE(0)));
    return notices.filter((notice) => notice !== undefined);
  }

  /** Unlinks what purges have left behind, a little at a time. Whoever opens the books later finishes it. */
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

function newDriver(url: string, timeoutMs: number, pendingLimit: number): RedisDriver {
  const client = createClient({
    url,
    RESP: 3,
    socket: { connectTimeout: timeoutMs, reconnectStrategy: false },
    disableOfflineQueue: true,
    commandsQueueMaxLength: pendingLimit,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Commands have no timers of their own: the connection watches the oldest.
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  return client as unknown as RedisDriver;
}

/** Calls a function of the library, and loads the library first if Redis does not have it (any more). */
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
    await send(['FUNCTION', 'LOAD', SOURCE]);
  } catch (error) {
    // Another connection was faster, and its library is the same: the name carries the hash.
    if (!(error instanceof Error && error.message.includes('already exists'))) throw error;
  }
}

/** A Redis that drops keys when it is full would lose payments; better not to take any. */
async function refuseEviction(send: Send): Promise<void> {
  let info: string;
  try {
    info = String(await send(['INFO', 'memory']));
  } catch (error) {
    // Not every account may ask, and what can't be asked can't be held against Redis.
    if (error instanceof Error && error.message.startsWith('NOPERM')) return;
    throw error;
  }
  const policy = /^maxmemory_policy:(allkeys\S*)/m.exec(info)?.[1];
  if (policy === undefined || /^maxmemory:0\r?$/m.test(info)) return;
  throw new Error(`maxmemory-policy ${policy} would drop payments: it must be noeviction`);
}

interface Registry {
  readonly id: string;
  readonly generation: number;
  readonly swept: number;
  readonly numberOf: ReadonlyMap<string, number>;
}

function readRegistry(reply: unknown): Registry {
  const [, id, generation, swept, ...names] = listOf(reply).map(bytesOf) as [Buffer, Buffer, Buffer, Buffer];
  const numberOf = pairsOf(names).map(([name, number]) => [String(name), Number(number)] as const);
  return {
    id: String(id),
    generation: Number(generation),
    swept: Number(swept),
    numberOf: new Map(numberOf),
  };
}

function openBooks({ id, numberOf }: Registry, processorNames: readonly string[]): OpenBooks {
  const positions: (number | undefined)[] = [];
  const numbers = processorNames.map((name, position) => {
    const number = numberOf.get(name);
    assert(number !== undefined, 'a registered processor has a number');
    positions[number] = position;
    return number;
  });
  return { id, numbers, positions };
}

/** Unlinks what one step of a scan finds; answers the cursor of the next, `0` after the last. */
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
  /** Whole seconds [first, end) since the epoch; none if first >= end. */
  readonly first: number;
  readonly end: number;
  /** The second that the window begins, or ends, in the middle of. */
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

function purgeNotice(purgedAtMs: number): Notice | undefined {
  return purgedAtMs === 0 ? undefined : { kind: 'purged', purgedAtMs };
}

function isNews(subscription: Subscription, notice: Notice): boolean {
  if (notice.kind === 'purged') return notice.purgedAtMs !== subscription.purgedAtMs;
  return notice.report.checkedAtMs !== subscription.checkedAtMs.get(notice.report.processor);
}

function tell(subscription: Subscription, notice: Notice): void {
  if (notice.kind === 'purged') subscription.purgedAtMs = notice.purgedAtMs;
  else subscription.checkedAtMs.set(notice.report.processor, notice.report.checkedAtMs);
  subscription.listener(notice);
}

function mapped<T>(reply: Reply<unknown>, read: (value: unknown) => T): Reply<T> {
  return reply.kind === 'ok' ? ok(read(reply.value)) : reply;
}

function isOne(reply: unknown): boolean {
  return reply === 1;
}

function nothing(): void {}

function bytesOf(reply: unknown): Buffer {
  assert(Buffer.isBuffer(reply), 'a bulk string comes as bytes');
  return reply;
}

function listOf(reply: unknown): unknown[] {
  assert(Array.isArray(reply), 'a list comes as an array');
  return reply;
}

function pairsOf(reply: unknown): [Buffer, Buffer][] {
  const flat = listOf(reply).map(bytesOf);
  assert(flat.length % 2 === 0, 'pairs come in twos');
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    flat[2 * index] as Buffer,
    flat[2 * index + 1] as Buffer,
  ]);
}

assert(UUID_BYTES === 16, 'the functions cut ids at 2 and 16 bytes');
