import type { Clock } from '../../core/clock.ts';
import { assertNewProcessor } from '../commit.ts';
import type { Confirmation } from '../confirmation.ts';
import { ok, type Reply, unavailable } from '../ledger.ts';
import type { ShardPlace } from '../sharded/shard-place.ts';
import { type ConfirmationPolicy, confirmationOf } from './confirmation.ts';
import { RedisConnection, type RedisDriver, type Send, UnfitServer } from './connection.ts';
import { BookKeys, type Key } from './keys.ts';
import { LIBRARY, LIBRARY_SOURCE } from './library.ts';
import { type ProcessorNumbers, sessionBytes } from './records.ts';
import { processorNumbers, type Registry, readRegistry } from './registry.ts';
import { hasCode, mapOf } from './replies.ts';

export interface RedisBooksParts extends ConfirmationPolicy {
  readonly root: string;
  /** In a cluster the slot of all keys; null: the server must not be in a cluster. */
  readonly slot: number | null;
  readonly place: ShardPlace;
  /** Whether books may be made where there are none. */
  readonly mayMake: () => boolean;
  readonly processorNames: readonly string[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly timeoutMs: number;
  readonly pendingLimit: number;
  readonly newDriver: () => RedisDriver;
  /** A new connection has opened the books, and is not used by others yet. */
  readonly opened: (send: Send, registry: Registry) => Promise<void>;
  /** What a new connection's server confirms. */
  readonly confirmedBy: (confirmation: Confirmation) => void;
}

type Arg = string | Buffer;

const MOVING =
  'the slot of these books is being moved to another node: they are available again when all keys are there';
/**
 * A key that never exists, which every call in a cluster names. A node that is about to hand over a slot refuses calls that
 * name a key it does not have, before they run. Without it a call could run there, empty one of its own keys, use it once
 * more, and die halfway.
 */
const ABSENT = 'absent';
const NO_SESSION = Buffer.alloc(0);
const NO_PROCESSORS: ProcessorNumbers = { numbers: [], positions: [], names: [] };
/** Before the first connection. */
const NO_PLACES = '0:1';
/** A purge or a step of upkeep by another gateway changes the places; several while one call is repeated are rare. */
const PLACES_ATTEMPTS = 8;

/**
 * The books in one Redis: calls the functions of the library on them, through a connection that is replaced when it
 * breaks. No reply is returned before all that the call has written, and all that it has seen, is confirmed.
 */
export class RedisBooks {
  readonly #parts: RedisBooksParts;
  readonly #meta: string;
  readonly #processorsKey: string;
  readonly #connection: RedisConnection;
  readonly #ledgerId: Buffer;
  #confirmation: Confirmation = { kind: 'sync' };
  #connections = 0;
  #session: Buffer = NO_SESSION;
  #id = '';
  #keys: BookKeys;
  /** Those that the ledger was opened with, and those that were added. */
  readonly #names: string[];
  #processors = NO_PROCESSORS;

  constructor(parts: RedisBooksParts) {
    this.#parts = parts;
    this.#names = [...parts.processorNames];
    const { root, clock, random, timeoutMs, pendingLimit, newDriver } = parts;
    this.#meta = `${root}meta`;
    this.#processorsKey = `${root}processors`;
    this.#keys = new BookKeys(root, NO_PLACES);
    this.#ledgerId = Buffer.from(Array.from({ length: 8 }, () => Math.floor(random() * 256)));
    this.#connection = new RedisConnection({
      newDriver,
      prepare: (send) => this.#prepare(send),
      clock,
      random,
      timeoutMs,
      pendingLimit,
    });
  }

  /** Resolves after the first attempt to connect, whether or not it succeeded. */
  get tried(): Promise<void> {
    return this.#connection.tried;
  }

  /** A connection has opened the books, now or earlier. */
  get hasOpened(): boolean {
    return this.#connections > 0;
  }

  /** Names this ledger and its connection, so that Redis refuses late commands of an earlier one. */
  get session(): Buffer {
    return this.#session;
  }

  get processors(): ProcessorNumbers {
    return this.#processors;
  }

  get processorCount(): number {
    return this.#names.length;
  }

  async registerProcessor(name: string): Promise<Reply<void>> {
    const reply = await this.ask((send) => this.#registered(send, [...this.#names, name]));
    return reply.kind === 'ok' ? this.#know(reply.value) : reply;
  }

  addProcessor(name: string): void {
    const { numbers, positions, names } = this.#processors;
    const number = names.indexOf(name);
    assertNewProcessor(this.#names, name, number !== -1);
    this.#names.push(name);
    const newPositions = [...positions];
    newPositions[number] = numbers.length;
    this.#processors = { numbers: [...numbers, number], positions: newPositions, names };
  }

  /** The numbers of the processors that the books were opened with, one byte each. */
  get knownNumbers(): Buffer {
    return Buffer.from(this.#processors.numbers);
  }

  get channel(): string {
    return `${this.#parts.root}notices:${this.#id}`;
  }

  ask<T>(question: (send: Send) => Promise<T>): Promise<Reply<T>> {
    return this.#connection.ask(question);
  }

  /** Calls a function that reads, or that writes no other keys than `meta` and `processors`. */
  call(name: string, ...args: Arg[]): Promise<Reply<unknown>> {
    return this.ask((send) => this.callOn(send, name, ...args));
  }

  callOn(send: Send, name: string, ...args: Arg[]): Promise<unknown> {
    return this.writeOn(send, name, [], ...args);
  }

  /** Calls a function that writes further keys, which do not depend on the generation. */
  writeOn(send: Send, name: string, keys: readonly Key[], ...args: Arg[]): Promise<unknown> {
    return this.#confirmed(send, name, keys, [this.#id, ...args]);
  }

  /** Calls a function that writes further keys, all of which are named. They depend on the places. */
  write(name: string, keysOf: (keys: BookKeys) => readonly Key[], ...args: Arg[]): Promise<Reply<unknown>> {
    return this.ask(async (send) => {
      for (let attempt = 1; ; attempt++) {
        const keys = this.#keys;
        const all = [this.#id, keys.places, ...args];
        try {
          return await this.#confirmed(send, name, keysOf(keys), all);
        } catch (error) {
          if (!hasCode(error, 'PLACES') || attempt === PLACES_ATTEMPTS) throw error;
          this.moved(error.message.slice('PLACES '.length));
        }
      }
    });
  }

  /** Calls a function that writes the health of a processor. */
  writeHealth(name: string, ...args: Arg[]): Promise<Reply<unknown>> {
    return this.ask((send) => this.writeOn(send, name, [`${this.#parts.root}health`], ...args));
  }

  /** Calls a function that writes `meta` and the outbox. */
  writeOutbox(name: string, ...args: Arg[]): Promise<Reply<unknown>> {
    return this.ask((send) => this.writeOn(send, name, [this.#keys.outbox], ...args));
  }

  /** The generation that the books are in. */
  get generation(): number {
    return this.#keys.generation;
  }

  /** The keys of the books are at these places now. */
  moved(places: string): void {
    const keys = new BookKeys(this.#parts.root, places);
    if (keys.isAfter(this.#keys)) this.#keys = keys;
  }

  /** Reloads the names if one of these processor numbers is unknown: another instance has registered it since. */
  async loadNames(numbers: readonly number[]): Promise<Reply<void>> {
    const { names } = this.#processors;
    if (numbers.every((number) => number === 0 || names[number] !== undefined)) return ok(undefined);
    const reply = await this.ask(async (send) =>
      readRegistry(await this.#confirmed(send, 'registry', [], [])),
    );
    return reply.kind === 'ok' ? this.#know(reply.value) : reply;
  }

  #know(registry: Registry): Reply<void> {
    if (registry.id !== this.#id) return unavailable('Redis no longer holds the same books');
    this.#processors = processorNumbers(registry, this.#names);
    return ok(undefined);
  }

  close(): void {
    this.#connection.close();
  }

  async #prepare(send: Send): Promise<void> {
    await refuseUnfit(send, this.#parts.slot !== null);
    this.#confirmation = await confirmationOf(send, this.#parts);
    this.#parts.confirmedBy(this.#confirmation);
    const registry = await this.#registered(send, this.#names);
    this.#id = registry.id;
    this.#keys = new BookKeys(this.#parts.root, registry.places);
    this.#processors = processorNumbers(registry, this.#names);
    this.#connections++;
    this.#session = sessionBytes(this.#ledgerId, this.#connections);
    await this.#parts.opened(send, registry);
  }

  /** The registry once all of these have a number. */
  async #registered(send: Send, processorNames: readonly string[]): Promise<Registry> {
    const { place } = this.#parts;
    const registry = readRegistry(await this.#confirmed(send, 'registry', [], []));
    if (registry.id !== '') refuseOtherShard(registry, place);
    else if (!this.#parts.mayMake()) throw new Error(NOT_MADE);
    const unknown = processorNames.filter((name) => !registry.numberOf.has(name));
    if (unknown.length === 0 && registry.id !== '') return registry;
    const newId = this.#ledgerId.toString('hex');
    const added = await this.#confirmed(send, 'register', [], [newId, shardName(place), ...unknown]);
    return refuseOtherShard(readRegistry(added), place);
  }

  /**
   * The reply of a function. If replicas confirm, it waits for them, also after a read: what it has seen may be lost until
   * they have it, and a master whose replicas have left for another may not know what has been written there.
   */
  async #confirmed(send: Send, name: string, keys: readonly Key[], args: readonly Arg[]): Promise<unknown> {
    if (this.#confirmation.kind !== 'replicas') return this.#function(send, name, keys, args);
    const { count } = this.#confirmation;
    // Commands behind this one wait, too, so it must end well before the connection is given up.
    const waitMs = Math.ceil(this.#parts.timeoutMs / 2);
    const replies = await Promise.allSettled([
      this.#function(send, name, keys, args),
      this.#function(send, 'mark', [], []),
      send(['WAIT', String(count), String(waitMs)]),
    ]);
    // The first in their order: on a server that is a replica now, all three fail, and only the first two say so in a way
    // that ends the connection.
    for (const each of replies) if (each.status === 'rejected') throw each.reason;
    const [reply, , holders] = replies.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
    if (Number(holders) >= count) return reply;
    // Its replicas may have left for another master.
    throw new UnfitServer(`only ${holders} of ${count} replicas have confirmed within ${waitMs} ms`);
  }

  /** Loads the library first if Redis does not have it. */
  async #function(send: Send, name: string, keys: readonly Key[], args: readonly Arg[]): Promise<unknown> {
    const { slot, root } = this.#parts;
    const absent = slot === null ? [] : [`${root}${ABSENT}`];
    const all = [this.#meta, this.#processorsKey, ...keys, ...absent];
    const command = ['FCALL', `${LIBRARY}_${name}`, String(all.length), ...all, String(slot ?? ''), ...args];
    try {
      return await send(command);
    } catch (error) {
      if (hasCode(error, 'ASK') || hasCode(error, 'TRYAGAIN')) throw new Error(MOVING);
      if (!(error instanceof Error && error.message.startsWith('ERR Function not found'))) throw error;
    }
    await loadLibrary(send);
    return send(command);
  }
}

const NOT_MADE =
  'the books of this shard are not made yet, and only shard 0 says whether LEDGER_SHARDS is right';

function shardName({ position, count }: ShardPlace): string {
  return `${position}/${count}`;
}

/** Payments are found by the number of shards, so it cannot change. */
function refuseOtherShard(registry: Registry, place: ShardPlace): Registry {
  const { shard } = registry;
  if (shard === shardName(place)) return registry;
  const count = shard.slice(shard.indexOf('/') + 1);
  throw new UnfitServer(
    `LEDGER_SHARDS is ${place.count}, but these books were made with ${count}: set LEDGER_SHARDS=${count}`,
  );
}

async function loadLibrary(send: Send): Promise<void> {
  try {
    await send(['FUNCTION', 'LOAD', LIBRARY_SOURCE]);
  } catch (error) {
    // Another connection loaded it first. It is the same: its name carries the hash.
    if (!(error instanceof Error && error.message.includes('already exists'))) throw error;
  }
}

/** Throws if the server is a replica, evicts keys when it is full, or is in a cluster when it should not be. */
async function refuseUnfit(send: Send, isInCluster: boolean): Promise<void> {
  // HELLO, because every account may run it.
  const { mode, role } = mapOf(await send(['HELLO']));
  if ((String(mode) === 'cluster') !== isInCluster) {
    throw new UnfitServer(
      isInCluster
        ? 'this Redis does not run in cluster mode: write redis:// instead of redis-cluster:// in LEDGER_URL'
        : 'this Redis runs in cluster mode: write redis-cluster:// in LEDGER_URL',
    );
  }
  if (String(role) !== 'master')
    throw new UnfitServer('this Redis is a replica: LEDGER_URL must name its master');
  let info: string;
  try {
    info = String(await send(['INFO', 'memory']));
  } catch (error) {
    // An account without the right to run INFO is allowed.
    if (hasCode(error, 'NOPERM')) return;
    throw error;
  }
  const policy = /^maxmemory_policy:(allkeys\S*)/m.exec(info)?.[1];
  if (policy !== undefined && !/^maxmemory:0\r?$/m.test(info)) {
    throw new UnfitServer(`maxmemory-policy ${policy} would drop payments: set it to noeviction`);
  }
}
