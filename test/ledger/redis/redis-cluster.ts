import { createClient, RESP_TYPES } from '@redis/client';
import { SLOTS } from '../../../src/ledger/redis/hash-slot.ts';
import { freePort } from '../../system/port.ts';
import { RedisServer } from './redis-server.ts';
import { until } from './waiting.ts';

/** A master that does not answer for this long is taken for dead. */
const NODE_TIMEOUT_MS = 1500;
const SETTINGS = [
  ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
  // Replication starts at once, and a replica with a little less data may still be elected.
  ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
];

/** A cluster of real servers on loopback: masters, which own equal ranges of slots, and replicas of each. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  static async start(masters = 3, replicasEach = 1, ...settings: string[]): Promise<RedisCluster> {
    const nodes: RedisServer[] = [];
    for (let count = masters * (1 + replicasEach); count > 0; count--) {
      nodes.push(
        await RedisServer.start(...SETTINGS, '--cluster-port', String(await freePort()), ...settings),
      );
    }
    const cluster = new RedisCluster(nodes);
    try {
      await cluster.#form(masters);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get url(): string {
    return `redis-cluster://${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** The node that owns a slot, by the word of a node that answers. */
  async ownerOf(slot: number): Promise<RedisServer> {
    for (const node of this.nodes) {
      const ranges = await ask(node, 'CLUSTER', 'SLOTS').catch(() => []);
      for (const [low, high, master] of ranges as [number, number, [Buffer, number, Buffer]][]) {
        const owner = this.nodes.find(({ port }) => port === Number(master[1]));
        if (low <= slot && slot <= high && owner !== undefined) return owner;
      }
    }
    throw new Error(`no node knows who owns slot ${slot}`);
  }

  /** The nodes that replicate this one. */
  async replicasOf(master: RedisServer): Promise<RedisServer[]> {
    const id = await idOf(master);
    const lines = String(await ask(master, 'CLUSTER', 'NODES')).split('\n');
    return this.nodes.filter(({ port }) =>
      lines.some((line) => line.includes(`127.0.0.1:${port}@`) && line.split(' ')[3] === id),
    );
  }

  /** Begins to move a slot. The classic way: key by key, while both nodes know that it is on the move. */
  async beginMove(slot: number, to: RedisServer): Promise<SlotMove> {
    const from = await this.ownerOf(slot);
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await ask(to, 'CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', fromId);
    await ask(from, 'CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', toId);
    return new SlotMove(slot, from, to, toId);
  }

  async moveSlot(slot: number, to: RedisServer): Promise<void> {
    const move = await this.beginMove(slot, to);
    while ((await move.step(10)) > 0);
    await move.end();
  }

  /** Every node sees all slots served, and every replica has what its master has. */
  async settled(): Promise<void> {
    for (const node of this.nodes) {
      await until(async () => {
        const info = String(await ask(node, 'CLUSTER', 'INFO').catch(String));
        const replication = String(await ask(node, 'INFO', 'replication').catch(String));
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_known_nodes:${this.nodes.length}`) &&
          !replication.includes('master_link_status:down')
        );
      }, 60_000);
    }
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.stop();
  }

  async #form(masterCount: number): Promise<void> {
    const [first, ...others] = this.nodes as [RedisServer, ...RedisServer[]];
    for (const [index, node] of this.nodes.slice(0, masterCount).entries()) {
      await ask(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      const [low, next] = [index, index + 1].map((place) => Math.round((place * SLOTS) / masterCount));
      await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', String(low), String((next ?? 0) - 1));
    }
    const [, busPort] = (await ask(first, 'CONFIG', 'GET', 'cluster-port')) as [Buffer, Buffer];
    for (const node of others) {
      await ask(node, 'CLUSTER', 'MEET', '127.0.0.1', String(first.port), busPort);
    }
    const all = `cluster_known_nodes:${this.nodes.length}`;
    for (const node of this.nodes) {
      await until(async () => String(await ask(node, 'CLUSTER', 'INFO')).includes(all));
    }
    for (const [index, replica] of this.nodes.slice(masterCount).entries()) {
      const id = await idOf(this.nodes[index % masterCount] as RedisServer);
      // It may not have heard of that node yet.
      await until(async () => (await ask(replica, 'CLUSTER', 'REPLICATE', id).catch(() => '')) !== '');
    }
    await this.settled();
  }
}

/** A slot that is on its way. */
class SlotMove {
  readonly from: RedisServer;
  readonly to: RedisServer;
  readonly #slot: number;
  readonly #toId: string;

  constructor(slot: number, from: RedisServer, to: RedisServer, toId: string) {
    this.#slot = slot;
    this.from = from;
    this.to = to;
    this.#toId = toId;
  }

  /** Moves up to this many keys; returns how many were there. */
  async step(count: number): Promise<number> {
    const keys = (await ask(
      this.from,
      'CLUSTER',
      'GETKEYSINSLOT',
      String(this.#slot),
      String(count),
    )) as Buffer[];
    await this.take(keys);
    return keys.length;
  }

  async take(keys: readonly (string | Buffer)[]): Promise<void> {
    if (keys.length === 0) return;
    await ask(this.from, 'MIGRATE', '127.0.0.1', String(this.to.port), '', '0', '5000', 'KEYS', ...keys);
  }

  /** The slot belongs to the other node from now on. */
  async end(): Promise<void> {
    for (const node of [this.to, this.from]) {
      await ask(node, 'CLUSTER', 'SETSLOT', String(this.#slot), 'NODE', this.#toId);
    }
  }
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await ask(node, 'CLUSTER', 'MYID'));
}

/** Runs a command on one node. Keys are bytes. */
async function ask(node: RedisServer, ...command: (string | Buffer)[]): Promise<unknown> {
  const client = createClient({
    url: node.url,
    RESP: 2,
    socket: { reconnectStrategy: false, connectTimeout: 1000 },
    commandOptions: { timeout: 5000, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}
