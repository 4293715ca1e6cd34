import assert from 'node:assert';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import {
  type HealthReport,
  type LedgerEntry,
  type LedgerEvent,
  ok,
  type Shard,
} from '../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { RedisLedger } from '../../src/ledger/redis/ledger.ts';
import { KEPT_EVENTS } from '../ledger/outbox.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';

export type LedgerKind = 'memory' | 'lmdb' | 'redis';

/** Opens one more connection to a shard of a deployment's ledger, as each of its threads does. */
type Connect = (clock: Clock, random: () => number) => Promise<Shard>;

/** A new, empty shard for a deployment with these processors; its files, if any, go into `directory`. */
type NewShard = (processorNames: readonly string[], directory: string) => Connect;

/** All connections to the ledger of one deployment. */
export class LedgerConnections {
  readonly #shards: readonly Connect[];
  readonly #connections: Promise<Shard>[] = [];

  constructor(shards: readonly Connect[]) {
    this.#shards = shards;
  }

  get shardCount(): number {
    return this.#shards.length;
  }

  connect(shard: number, clock: Clock, random: () => number): Promise<Shard> {
    const connect = this.#shards[shard];
    assert.ok(connect !== undefined);
    const connection = connect(clock, random);
    this.#connections.push(connection);
    return connection;
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await (await connection).close();
  }
}

/** Creates new shards for each plan. */
export interface LedgerBackend {
  readonly newShard: NewShard;
  stop(): Promise<void>;
}

export const memoryBackend: LedgerBackend = {
  newShard: (processorNames) => {
    const store = new MemoryStore();
    return async (clock) => new MemoryLedger(processorNames, store, { ...KEPT_EVENTS, clock });
  },
  stop: async () => {},
};

const lmdbBackend: LedgerBackend = {
  newShard: (processorNames, directory) => {
    const path = join(directory, 'ledger');
    return (clock) => LmdbLedger.open(path, { processorNames, clock, outbox: KEPT_EVENTS });
  },
  stop: async () => {},
};

export async function openBackend(kind: LedgerKind): Promise<LedgerBackend> {
  switch (kind) {
    case 'memory':
      return memoryBackend;
    case 'lmdb':
      return lmdbBackend;
    case 'redis':
      return redisBackend();
  }
}

/** One server for all plans; the keys of each shard begin with another root. */
async function redisBackend(): Promise<LedgerBackend> {
  // It is never killed, so nothing needs to be on a disk.
  const server = await RedisServer.start('--appendonly', 'no');
  let shards = 0;
  return {
    newShard: (processorNames) => {
      shards++;
      const ordered = new OrderedRedis();
      const root = `{sim-${shards}}:`;
      return async (_, random) =>
        ordered.add(
          RedisLedger.open(server.socketUrl, {
            processorNames,
            random,
            root,
            // What it times is the real server, for which virtual time stands still.
            clock: systemClock,
            timeoutMs: REAL_TIMEOUT_MS,
            allowsUnconfirmed: true,
            outbox: KEPT_EVENTS,
          }),
        );
    },
    stop: () => server.stop(),
  };
}

const REAL_TIMEOUT_MS = 20_000;

interface Subscriber {
  readonly ledger: Promise<RedisLedger>;
  /** Events that have arrived and that its listener has not got yet. */
  readonly inbox: (() => void)[];
}

/**
 * Gives an order to what Redis leaves to chance. It sends events on the socket of each subscriber, so that they arrive
 * at any moment: a call that sends some ends only when they have arrived everywhere, and they are delivered connection
 * by connection. It lists a set in a different order each time it runs, so the entries of a takeover are sorted.
 */
class OrderedRedis {
  readonly #all: Subscriber[] = [];

  async add(opening: Promise<RedisLedger>): Promise<Shard> {
    const inbox: (() => void)[] = [];
    this.#all.push({ ledger: opening, inbox });
    const ledger = await opening;
    const ordered: Partial<Shard> = {
      takeOver: async (...args: Parameters<Shard['takeOver']>) => {
        const reply = await ledger.takeOver(...args);
        return reply.kind === 'ok' ? ok(reply.value.toSorted(byId)) : reply;
      },
      publishHealth: async (report: HealthReport) => {
        const reply = await ledger.publishHealth(report);
        await this.#deliverAll();
        return reply;
      },
      subscribe: async (listener: (event: LedgerEvent) => void) => {
        const reply = await ledger.subscribe((event) => inbox.push(() => listener(event)));
        deliver(inbox);
        return reply;
      },
    };
    return new Proxy<Shard>(ledger, {
      get: (_, name: keyof Shard) => {
        const method: unknown = ordered[name] ?? ledger[name];
        return typeof method === 'function' ? method.bind(ledger) : method;
      },
    });
  }

  /** An event is sent before the answer to any later call on the same connection. */
  async #deliverAll(): Promise<void> {
    await Promise.all(this.#all.map(async ({ ledger }) => (await ledger).ping()));
    for (const { inbox } of this.#all) deliver(inbox);
  }
}

function byId(one: LedgerEntry, other: LedgerEntry): number {
  return one.correlationId < other.correlationId ? -1 : 1;
}

function deliver(inbox: (() => void)[]): void {
  for (const run of inbox.splice(0)) run();
}
