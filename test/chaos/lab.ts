import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child as Program } from '../../bench/rinha/child.ts';
import { adapted } from '../../bench/rinha/nginx.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { exchangeKept } from '../contract/kept.ts';
import { RedisCluster } from '../ledger/redis/redis-cluster.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import type { Random } from '../sim/random.ts';
import { Books } from '../system/books.ts';
import { Child } from '../system/child.ts';
import { Gateway } from '../system/deployment.ts';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { ProcessorAdmin } from '../system/processor-admin.ts';
import { until } from '../system/until.ts';
import type { Entrance } from './clients.ts';
import { Disk } from './disk.ts';
import { Link } from './link.ts';
import { CONTEST, type LabProcessor, processorsFile } from './processors.ts';
import { childrenOf } from './vitals.ts';

export type LedgerKind = 'redis' | 'cluster' | 'lmdb';
export type Settings = Readonly<Record<string, string>>;

/** Of books in a cluster. */
export const SHARDS = 4;

const PROCESSOR_NICE = -10;
const READY_MS = 60_000;
/**
 * Settings that end doubt soon. `IN_DOUBT_HOLD_MS` must exceed the longest time that a call can continue after its caller
 * has given up: the sum of the delays in `faults.ts`.
 */
const SETTINGS: Settings = {
  PROCESSOR_TIMEOUT_MS: '1500',
  LEASE_MS: '1500',
  IN_DOUBT_HOLD_MS: '7000',
  FAILOVER_DELAY_MS: '500',
  BACKOFF_MAX_MS: '500',
  BREAKER_MAX_MS: '1000',
  POOL_THREADS: '2',
  WARM_UP_PAYMENTS: '0',
  LOG_LEVEL: 'info',
};

/** nginx, two or more gateways, a ledger and two or three processors, all real processes, connected by links that can fail. */
export class Lab {
  readonly gateways: readonly Gateway[];
  readonly processors: readonly ProcessorAdmin[];
  /** Links between the gateways and each processor. */
  readonly links: readonly Link[];
  /** The link between the gateways and Redis. */
  readonly ledgerLink: Link | null;
  /** The disk of each gateway's journal; null if disks cannot be mounted. */
  readonly disks: readonly Disk[] | null;
  readonly journalDirs: readonly string[];
  /** As many times nginx as there are gateways, then each of these. */
  readonly entrances: readonly [Entrance, ...Entrance[]];
  readonly books: Books;
  readonly #directory: string;
  readonly #redis: RedisServer | null;
  readonly #cluster: RedisCluster | null;
  readonly #processorChildren: readonly Child[];
  readonly #nginx: Program;
  readonly #cleanAtExit = () => {
    const master = this.#nginxPid;
    for (const pid of [master, ...childrenOf(master)]) process.kill(pid, 'SIGKILL');
    for (const server of this.#servers) server.signal('SIGKILL');
    this.#clean();
    for (const { directory } of this.#servers) rmSync(directory, { recursive: true, force: true });
  };

  static async open(
    ledger: LedgerKind,
    random: Random,
    settings: Settings = {},
    processors: readonly LabProcessor[] = CONTEST,
    instanceCount = 2,
  ): Promise<Lab> {
    const directory = mkdtempSync(join(tmpdir(), 'chaos-'));
    // Under root, nginx workers run as another user, which keeps its temporary files here.
    chmodSync(directory, 0o711);
    const redis = ledger === 'redis' ? await RedisServer.start() : null;
    const cluster = ledger === 'cluster' ? await RedisCluster.start() : null;
    const link = async (port: number, name: string) =>
      Link.before(port, await freePort(), random.fork(`link ${name}`));
    const ledgerLink = redis === null ? null : await link(redis.port, 'ledger');
    const stations: Station[] = [];
    for (const processor of processors) {
      const port = await freePort();
      stations.push({ processor, port, link: await link(port, processor.name) });
    }
    const gatewayPorts: number[] = [];
    for (let index = 0; index < instanceCount; index++) gatewayPorts.push(await freePort());
    const ports = { nginx: await freePort(), gateways: gatewayPorts };
    const lab = new Lab(directory, { redis, cluster, ledgerLink }, stations, ports, settings);
    try {
      await lab.#untilReady();
    } catch (error) {
      lab.printOutput();
      await lab.close();
      throw error;
    }
    return lab;
  }

  private constructor(
    directory: string,
    { redis, cluster, ledgerLink }: LedgerServers,
    stations: readonly Station[],
    ports: { readonly nginx: number; readonly gateways: readonly number[] },
    settings: Settings,
  ) {
    this.#directory = directory;
    this.#redis = redis;
    this.#cluster = cluster;
    this.ledgerLink = ledgerLink;
    this.links = stations.map((station) => station.link);
    this.#processorChildren = stations.map((station) => startProcessor(station, ports.gateways[0] ?? 0));
    this.processors = stations.map(
      ({ processor, port }) => new ProcessorAdmin(processor.name, `http://127.0.0.1:${port}`),
    );
    this.journalDirs = ports.gateways.map((_, index) => join(directory, `journal-${index + 1}`));
    this.disks = Disk.isPossible ? this.journalDirs.map((journal) => Disk.mount(journal)) : null;
    const shared: Settings = {
      ...ledgerSettings(directory, cluster, ledgerLink),
      ...configured(stations, directory),
      NODE_OPTIONS: `--import=${new URL('../system/pool-thread-crash.ts', import.meta.url).href} --disable-warning=ExperimentalWarning`,
      ...SETTINGS,
      ...settings,
    };
    this.gateways = ports.gateways.map(
      (port, index) =>
        new Gateway('dist/gateway.js', `http://127.0.0.1:${port}`, {
          ...shared,
          LISTEN: `127.0.0.1:${port}`,
          INSTANCE_ID: `gateway-${index + 1}`,
          JOURNAL_DIR: this.journalDirs[index] ?? '',
        }),
    );
    const nginx = { name: 'nginx', url: `http://127.0.0.1:${ports.nginx}` };
    const direct = this.gateways.map(({ url }, index) => ({ name: instanceName(index), url }));
    this.entrances = [nginx, ...direct.slice(1).map(() => nginx), ...direct];
    this.books = new Books([...direct.map(({ url }) => url), nginx.url], this.processors);
    this.#nginx = startNginx(directory, ports.gateways, ports.nginx);
    // Stop nginx first: its workers outlive a master that is killed.
    process.prependOnceListener('exit', this.#cleanAtExit);
  }

  get redis(): RedisServer {
    if (this.#redis === null) throw new Error('this lab has no Redis');
    return this.#redis;
  }

  get cluster(): RedisCluster {
    if (this.#cluster === null) throw new Error('this lab has no cluster');
    return this.#cluster;
  }

  /** Opens the books beside the gateways, past the links that can fail. */
  openLedger(): Promise<Ledger> {
    const names = this.processors.map(({ name }) => name);
    return openLedger(this.#ledgerTarget, names, { clock: systemClock, random: Math.random }, 'here');
  }

  get #ledgerTarget(): LedgerTarget {
    const cluster = this.#cluster;
    if (cluster !== null) return { kind: 'redis', url: cluster.url, shardCount: SHARDS, replicas: 1 };
    if (this.#redis !== null) return { kind: 'redis', url: this.#redis.url };
    return { kind: 'lmdb', path: lmdbPath(this.#directory) };
  }

  get #servers(): readonly RedisServer[] {
    return this.#cluster?.nodes ?? (this.#redis === null ? [] : [this.#redis]);
  }

  get #nginxPid(): number {
    return Number(readFileSync(join(nginxDirectory(this.#directory), 'nginx.pid'), 'latin1'));
  }

  reloadNginx(): void {
    process.kill(this.#nginxPid, 'SIGHUP');
  }

  printOutput(): void {
    for (const { url, output } of this.gateways) console.error(`--- gateway ${url}\n${output}`);
    for (const { output } of this.#processorChildren) console.error(`--- processor\n${output}`);
    console.error(`--- nginx\n${this.#nginx.said}`);
  }

  async close(): Promise<void> {
    await this.#nginx.stop();
    await Promise.all(this.gateways.map((gateway) => gateway.end()));
    for (const child of this.#processorChildren) child.send('SIGTERM');
    await Promise.all(this.#processorChildren.map((child) => child.ended));
    await Promise.all([...this.links, this.ledgerLink].map((link) => link?.close()));
    await this.#redis?.stop();
    await this.#cluster?.stop();
    process.off('exit', this.#cleanAtExit);
    this.#clean();
  }

  #clean(): void {
    for (const disk of this.disks ?? []) disk.unmount();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    await Promise.all(
      this.processors.map(({ name, url }) =>
        until(`processor ${name} serves`, READY_MS, async () => {
          return (await exchange('GET', `${url}/admin/payments-summary`)).status === 401;
        }),
      ),
    );
    await Promise.all(this.gateways.map((gateway) => gateway.start()));
    const [{ url }] = this.entrances;
    await until(
      'nginx serves',
      READY_MS,
      async () => (await exchangeKept('GET', `${url}/readyz`)).status === 200,
    );
  }
}

interface LedgerServers {
  readonly redis: RedisServer | null;
  readonly cluster: RedisCluster | null;
  readonly ledgerLink: Link | null;
}

function ledgerSettings(directory: string, cluster: RedisCluster | null, link: Link | null): Settings {
  if (cluster !== null) {
    return { LEDGER_URL: cluster.url, LEDGER_REPLICAS: '1', LEDGER_SHARDS: String(SHARDS) };
  }
  return {
    LEDGER_URL: link === null ? `lmdb:${lmdbPath(directory)}` : `redis://127.0.0.1:${link.port}`,
  };
}

function lmdbPath(directory: string): string {
  return join(directory, 'ledger');
}

/** A processor, and the way to it. */
interface Station {
  readonly processor: LabProcessor;
  readonly port: number;
  readonly link: Link;
}

function startProcessor({ processor, port }: Station, gatewayPort: number): Child {
  const { name, contract, share } = processor;
  const child = new Child('dist/simulated/main.js', {
    CONTRACT: contract,
    LISTEN: `127.0.0.1:${port}`,
    NAME: name,
    FEE: share,
    ...(contract === 'rest-async'
      ? { CALLBACK_URL: `http://127.0.0.1:${gatewayPort}/processors/${name}/callback` }
      : {}),
  });
  if (child.pid !== undefined) prefer(child.pid);
  return child;
}

/** Processors stand for other machines, and note when calls come: a load that this machine cannot carry must not delay them. */
function prefer(pid: number): void {
  try {
    setPriority(pid, PROCESSOR_NICE);
  } catch {
    // Only root may.
  }
}

/** The contest's processors as the contest configures them, others by a processors file. */
function configured(stations: readonly Station[], directory: string): Settings {
  const urls = stations.map(({ link }) => `http://127.0.0.1:${link.port}`);
  const processors = stations.map(({ processor }) => processor);
  if (processors.every(({ file }) => file === undefined)) {
    return Object.fromEntries(
      processors.map(({ name }, index) => [`PAYMENT_PROCESSOR_URL_${name.toUpperCase()}`, urls[index] ?? '']),
    );
  }
  const path = join(directory, 'processors.yaml');
  writeFileSync(path, processorsFile(processors, urls));
  return { PROCESSORS_FILE: path };
}

/** As deployed, except for its address and paths, and that it reaches the gateways, as many as there are, over TCP. */
function startNginx(directory: string, gatewayPorts: readonly number[], port: number): Program {
  const deployed = readFileSync(new URL('../../lb/nginx.conf', import.meta.url), 'utf8');
  const sockets = gatewayPorts.map((gatewayPort) => `127.0.0.1:${gatewayPort}`);
  const own = nginxDirectory(directory);
  mkdirSync(own);
  chmodSync(own, 0o711);
  const path = join(own, 'nginx.conf');
  const [server = ''] = /^ *server unix:.*\n/m.exec(deployed) ?? [];
  const forAll = deployed.replace(/(?:^ *server unix:.*\n)+/m, server.repeat(gatewayPorts.length));
  const moved = adapted(forAll, { directory: own, sockets, port });
  writeFileSync(path, moved.replaceAll('server unix:127', 'server 127'));
  return new Program('nginx', 'nginx', ['-p', own, '-c', path, '-e', 'stderr', '-g', 'daemon off;']);
}

function nginxDirectory(directory: string): string {
  return join(directory, 'nginx');
}

/** As faults name it. */
export function instanceName(index: number): string {
  return `instance ${index + 1}`;
}
