import assert from 'node:assert';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Child } from '../../bench/rinha/child.ts';
import { adapted } from '../../bench/rinha/nginx.ts';
import { exchangeKept } from '../contract/kept.ts';
import { listenLocally } from '../listen-locally.ts';
import { Deployment } from '../system/deployment.ts';
import { freePort } from '../system/port.ts';
import type { Charge } from '../system/processor-admin.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { Side } from './judge.ts';
import { TOKEN } from './route-shot.ts';

export interface Target {
  readonly side: Side;
  readonly port: number;
}

/** The resources of each gateway and of nginx. */
export interface Gauges {
  readonly descriptors: readonly number[];
  /** The last entry is nginx with all its processes. */
  readonly memoryBytes: readonly number[];
}

const READY_MS = 10_000;
const DEPLOYED = new URL('../../lb/nginx.conf', import.meta.url);
/** As in docker-compose.yml. */
const NODE_OPTIONS = '--max-old-space-size=48 --max-semi-space-size=2 --v8-pool-size=1';
/** Switches every route on. */
const SETTINGS = {
  ADMIN_TOKEN: TOKEN,
  DASHBOARD_ACCESS: 'token',
  EVENTS: 'true',
  WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
};
/** What operators do is logged as a warning, with their name. */
const OPERATORS_WORK = /"by":"admin/;

/** Two gateways on one ledger behind nginx with its deployed settings; the gateways are reachable directly, too. */
export class Site {
  readonly targets: readonly Target[];
  readonly #deployment: Deployment;
  readonly #directory: string;
  readonly #nginx: Child;
  readonly #pids: readonly number[];

  static async run(
    ledger: 'lmdb' | 'redis',
    use: (site: Site) => Promise<void>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const directory = temporaryDirectory();
    const shop = createServer((request, response) => request.resume().once('end', () => response.end()));
    const file = join(directory, 'webhooks.yaml');
    const url = `http://127.0.0.1:${await listenLocally(shop)}`;
    writeFileSync(file, `webhooks: [{ name: shop, url: "${url}", secrets: [WEBHOOK_SECRET] }]`);
    const settings = { NODE_OPTIONS, LOG_LEVEL: 'warn', ...SETTINGS, WEBHOOKS_FILE: file, ...more };
    await Deployment.run({ ledger, gatewayCount: 2, settings }, async (deployment) => {
      const port = await freePort();
      const site = new Site(deployment, directory, port, startNginx(directory, port, deployment.urls));
      try {
        await until('nginx serves', READY_MS, async () => {
          assert(site.#nginx.running, site.#nginx.said);
          return (await exchangeKept('GET', `http://127.0.0.1:${port}/readyz`)).status === 200;
        });
        await use(site);
      } finally {
        await site.#nginx.stop();
      }
    }).finally(() => {
      shop.close();
      shop.closeAllConnections();
    });
  }

  private constructor(deployment: Deployment, directory: string, port: number, nginx: Child) {
    this.#deployment = deployment;
    this.#directory = directory;
    this.#nginx = nginx;
    this.#pids = pidsOf(deployment);
    const direct = deployment.urls.map(
      (url): Target => ({ side: 'direct', port: Number(new URL(url).port) }),
    );
    this.targets = [{ side: 'nginx', port }, ...direct];
  }

  /** All charges of the processors. */
  async charges(): Promise<Charge[]> {
    return (await Promise.all(this.#deployment.processors.map((processor) => processor.charges(0)))).flat();
  }

  async chargeCount(): Promise<number> {
    const sums = await Promise.all(this.#deployment.processors.map((processor) => processor.summary()));
    return sums.reduce((sum, { count }) => sum + count, 0);
  }

  /** Differences between the gateways' summaries and the processors' records; empty if there are none. */
  differences(): Promise<string[]> {
    return this.#deployment.books.differences();
  }

  gauges(): Gauges {
    const memoryBytes = [...this.#pids.map(memoryOf), this.#nginx.usage().memoryBytes ?? 0];
    return { descriptors: this.#pids.map((pid) => readdirSync(`/proc/${pid}/fd`).length), memoryBytes };
  }

  /** Processes that exited and errors in logs; empty if there are none. */
  faults(): string[] {
    const now = pidsOf(this.#deployment);
    const ended = this.#deployment.gateways.filter(
      ({ child }, index) => !child.running || now[index] !== this.#pids[index],
    );
    const lines = this.#deployment.gateways.flatMap(({ output }) => output.split('\n'));
    const logged = lines.filter(
      (line) => line !== '' && !/"level":"(trace|debug|info)"/.test(line) && !OPERATORS_WORK.test(line),
    );
    // Removes time, process and connection, so that repeated lines count once.
    const errors = readFileSync(join(this.#directory, 'error.log'), 'utf8').split('\n');
    const errorKinds = new Set(
      errors.map((line) => line.replace(/^[\d/]+ [\d:]+ /, '').replace(/\d+#\d+:( \*\d+)?/, '')),
    );
    return [
      ...ended.map(({ url }) => `the gateway at ${url} exited`),
      ...(this.#nginx.running ? [] : ['nginx exited']),
      ...logged.map((line) => `a gateway logged ${line}`),
      ...Array.from(errorKinds)
        .filter((line) => /\[(alert|crit|emerg)\]|upstream/.test(line))
        .map((line) => `nginx logged ${line}`),
    ];
  }
}

function pidsOf(deployment: Deployment): number[] {
  return deployment.gateways.map(({ child }) => child.pid ?? 0);
}

/** nginx with its deployed settings, in front of gateways at these URLs. */
export function startNginx(directory: string, port: number, urls: readonly string[]): Child {
  // Under root, nginx workers run as another user, which has to enter the directory.
  chmodSync(directory, 0o711);
  const sockets = urls.map((_, index) => `/${index}`);
  const atSockets = adapted(readFileSync(DEPLOYED, 'utf8'), { directory, sockets, port });
  const atPorts = atSockets.replace(/unix:\/(\d)/g, (_, index) => new URL(urls[Number(index)] ?? '').host);
  const settings = atPorts.replace('error_log stderr', `error_log ${directory}/error.log`);
  const path = join(directory, 'nginx.conf');
  writeFileSync(path, settings);
  return new Child('nginx', 'nginx', ['-p', directory, '-c', path, '-e', 'stderr', '-g', 'daemon off;']);
}

/** Anonymous and shared memory, without file pages. */
function memoryOf(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/status`, 'latin1').matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB/gm);
  return Array.from(lines).reduce((sum, line) => sum + Number(line[1]), 0) * 1024;
}
