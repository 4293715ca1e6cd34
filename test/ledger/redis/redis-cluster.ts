import { spawnSync } from 'node:child_process';
import { createClient, RESP_TYPES } from '@redis/client';
import { SLOTS } from '../../../src/ledger/redis/hash-slot.ts';
import { RedisServer } from './redis-server.ts';
import { until } from './waiting.ts';

/** A master that does not answer for this long is taken for dead. */
const NODE_TIMEOUT_MS = 1500;
const ANSWER_DEADLINE_MS = 5000;
/** Addresses of the nodes, apart from that of their clients. */
const NETWORK = '127.0.1.';
const FIRST_HOST = 11;
const OTHERS = `${NETWORK}0/24`;
const SETTINGS = [
  ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
  // A slot without an owner must not stop the others.
  ...['--cluster-require-full-coverage', 'no'],
  // Replication starts at once, and a replica with a little less data may still be elected.
  ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
];

/** A cluster of real servers on loopback: masters, which own equal ranges of slots, and replicas of each. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly #replicasEach: number;

  private constructor(nodes: readonly RedisServer[], replicasEach: number) {
    this.nodes = nodes;
    this.#replicasEach = replicasEach;
  }

  static async start(masters = 3, replicasEach = 1): Promise<RedisCluster> {
    const nodes: RedisServer[] = [];
    for (let index = 0; index < masters * (1 + replicasEach); index++) {
      const address = RedisCluster.canCutOff ? `${NETWORK}${FIRST_HOST + index}` : '127.0.0.1';
      // Only 127.0.0.1 passes the protected mode.
      const own = ['--bind', address, '--bind-source-addr', address, '--protected-mode', 'no'];
      nodes.push(await RedisServer.start(...SETTINGS, ...own));
    }
    const cluster = new RedisCluster(nodes, replicasEach);
    try {
      await cluster.#form(masters);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get url(): string {
    return `redis-cluster://${this.nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  /**
   * The master that takes a slot for its own. What others say may be old: a node that is importing a slot does not notice that
   * its owner has died.
   */
  async ownerOf(slot: number): Promise<RedisServer> {
    for (const node of await this.masters()) {
      const ranges = await ask(node, 'CLUSTER', 'SLOTS').catch(() => []);
      for (const [low, high, master] of ranges as [number, number, [Buffer, number, Buffer]][]) {
        if (low <= slot && slot <= high && Number(master[1]) === node.port) return node;
      }
    }
    throw new Error(`slot ${slot} has no owner that answers`);
  }

  /** Resolves when a replica has taken over from a slot's owner that does not answer any more. */
  async ownerLeft(slot: number, former: RedisServer): Promise<void> {
    await until(async () => {
      const owner = await this.ownerOf(slot).catch(() => former);
      return owner !== former;
    }, 60_000);
  }

  /** The nodes that own slots now. */
  async masters(): Promise<RedisServer[]> {
    const masters: RedisServer[] = [];
    for (const node of this.nodes) {
      const [role] = (await ask(node, 'ROLE').catch(() => [''])) as [Buffer | string];
      if (String(role) === 'master') masters.push(node);
    }
    return masters;
  }

  /** Resolves when a replica of this master has everything that it has now. */
  async replicated(master: RedisServer): Promise<void> {
    await until(async () => Number(await ask(master, 'WAIT', '1', '1000')) >= 1);
  }

  /** Brings keys of a slot back from a node that does not own it, as an operator does after a move that has failed. */
  async bringBack(slot: number, from: RedisServer, owner: RedisServer): Promise<void> {
    // It has not noticed who owns the slot now.
    await ask(from, 'CLUSTER', 'SETSLOT', String(slot), 'NODE', await idOf(owner));
    // A promoted replica of Valkey goes on with the move, and would take no key of which it has none.
    await ask(owner, 'CLUSTER', 'SETSLOT', String(slot), 'STABLE');
    const keys = await keysIn(from, slot);
    if (keys.length > 0) await migrate(from, owner, keys);
    await ask(from, 'CLUSTER', 'SETSLOT', String(slot), 'STABLE');
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

  /** Whether a node can be cut off from the others: as root on Linux, where each gets an address of its own. */
  static readonly canCutOff =
    process.getuid?.() === 0 &&
    spawnSync('iptables', ['-n', '-L', 'INPUT'], { stdio: 'ignore' }).status === 0;

  /** Lets no packet pass between a node and the others, until the returned function is called. Clients still reach it. */
  cutOff({ host }: RedisServer): () => void {
    const rules = [
      ['-s', host, '-d', OTHERS],
      ['-s', OTHERS, '-d', host],
    ];
    const change = (how: '-I' | '-D') => {
      for (const rule of rules) {
        const { status } = spawnSync('iptables', ['-w', how, 'INPUT', ...rule, '-j', 'DROP']);
        if (status !== 0) throw new Error(`iptables ${how} INPUT ${rule.join(' ')} failed`);
      }
    };
    change('-I');
    return () => change('-D');
  }

  /** Every node sees all slots served, and every master has a replica that has what it has. */
  async settled(): Promise<void> {
    for (const node of this.nodes) {
      await until(async () => {
        const info = String(await ask(node, 'CLUSTER', 'INFO').catch(String));
        const replication = String(await ask(node, 'INFO', 'replication').catch(String));
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_known_nodes:${this.nodes.length}`) &&
          (replication.includes('master_link_status:up') ||
            (replication.includes('role:master') &&
              (this.#replicasEach === 0 || /connected_slaves:[1-9]/.test(replication))))
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
      await ask(node, 'CLUSTER', 'MEET', first.host, String(first.port), busPort);
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
    const keys = await keysIn(this.from, this.#slot, count);
    await this.take(keys);
    return keys.length;
  }

  async take(keys: readonly (string | Buffer)[]): Promise<void> {
    if (keys.length > 0) await migrate(this.from, this.to, keys);
  }

  /** The slot belongs to the other node from now on. */
  async end(): Promise<void> {
    for (const node of [this.to, this.from]) {
      await ask(node, 'CLUSTER', 'SETSLOT', String(this.#slot), 'NODE', this.#toId);
    }
  }
}

async function keysIn(node: RedisServer, slot: number, count = 100_000): Promise<Buffer[]> {
  return (await ask(node, 'CLUSTER', 'GETKEYSINSLOT', String(slot), String(count))) as Buffer[];
}

async function migrate(
  from: RedisServer,
  to: RedisServer,
  keys: readonly (string | Buffer)[],
): Promise<void> {
  await ask(from, 'MIGRATE', to.host, String(to.port), '', '0', '5000', 'KEYS', ...keys);
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await ask(node, 'CLUSTER', 'MYID'));
}

/** Runs a command on one node, which may be stopped. Keys are bytes. */
async function ask(node: RedisServer, ...command: (string | Buffer)[]): Promise<unknown> {
  const client = createClient({
    url: node.url,
    RESP: 2,
    socket: { reconnectStrategy: false },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  client.on('error', () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from ${node.url}`)), ANSWER_DEADLINE_MS);
  });
  try {
    return await Promise.race([client.connect().then(() => client.sendCommand(command)), late]);
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}
