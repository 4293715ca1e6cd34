import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Clock } from '../../src/core/clock.ts';
import { auditArguments, auditEnvironment, audited } from './audited.ts';
import { Child } from './child.ts';
import type { Deployment, Entry, Site } from './deployment.ts';
import { adapted } from './nginx.ts';
import { GATEWAY_READY, PROCESSOR_READY, type Question, ready } from './ready.ts';
import type { PerProcessor } from './scenario.ts';

const READY_TIMEOUT_MS = 60_000;
const INSTANCES = ['gateway-1', 'gateway-2'] as const;
/** Flags of each Node process; the last two as in the image. */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--no-memory-reducer', '--expose-gc'];
const SOURCE = join(import.meta.dirname, '../..');
const COMPOSE_FILE = join(SOURCE, 'docker-compose.yml');

/**
 * Runs everything as local processes, on free loopback ports and in a temporary directory: the deployment's nginx
 * configuration, instances and settings, without its limits.
 */
export async function nativeSite(clock: Clock, fees: PerProcessor<number>, token: string): Promise<Site> {
  const atDefault = await startProcessor(clock, 'default', fees.default, token);
  const atFallback = await startProcessor(clock, 'fallback', fees.fallback, token);
  const processors = { default: atDefault.url, fallback: atFallback.url };
  return {
    name: 'native',
    processors,
    open: (entry) => open(clock, entry, processors, token),
    close: () => stopAll([atDefault.child, atFallback.child]),
  };
}

async function startProcessor(
  clock: Clock,
  name: string,
  fee: number,
  token: string,
): Promise<{ url: string; child: Child }> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = node(name, 'src/simulated/main.ts', { LISTEN: address, FEE: String(fee), TOKEN: token });
  await answering(clock, [child], `http://${address}`, PROCESSOR_READY);
  return { url: `http://${address}`, child };
}

async function open(
  clock: Clock,
  entry: Entry,
  processors: PerProcessor<string>,
  token: string,
): Promise<Deployment> {
  const directory = mkdtempSync(join(tmpdir(), 'rinha-'));
  // Under root, nginx workers run as another user, which has to reach the sockets in it.
  chmodSync(directory, 0o711);
  const sockets = INSTANCES.map((name) => join(directory, `${name}.sock`));
  const port = await freePort();
  const children = [
    startRedis(directory),
    ...INSTANCES.map((name) => startInstance(entry, name, directory, processors)),
    startNginx(directory, sockets, port),
  ];
  const target = `http://127.0.0.1:${port}`;
  const close = async () => {
    await stopAll(children);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await answering(clock, children, target, GATEWAY_READY);
  } catch (error) {
    await close();
    throw error;
  }
  const [auditor] = INSTANCES;
  const environment = { ...environmentOf(auditor, directory, processors), ...auditEnvironment(token) };
  return {
    target,
    usage: () => children.map((child) => child.usage()),
    audit: (fromMs) =>
      entry === 'floor'
        ? Promise.resolve(null)
        : audited(
            process.execPath,
            [...FLAGS, join(SOURCE, 'src/cli/main.ts'), ...auditArguments(fromMs)],
            environment,
          ),
    close,
  };
}

function startInstance(
  entry: Entry,
  name: string,
  directory: string,
  processors: PerProcessor<string>,
): Child {
  const program = entry === 'floor' ? 'bench/rinha/floor.ts' : 'src/gateway.ts';
  return node(name, program, environmentOf(name, directory, processors));
}

/** What an instance is started with: the settings of the deployment, with this machine's sockets and addresses. */
export function environmentOf(
  name: string,
  directory: string,
  processors: PerProcessor<string>,
): Readonly<Record<string, string>> {
  return {
    ...deployedSettings(),
    LISTEN: `unix:${join(directory, `${name}.sock`)}`,
    INSTANCE_ID: name,
    LEDGER_URL: `redis+unix:${redisSocket(directory)}`,
    JOURNAL_DIR: join(directory, `${name}.journal`),
    PAYMENT_PROCESSOR_URL_DEFAULT: processors.default,
    PAYMENT_PROCESSOR_URL_FALLBACK: processors.fallback,
    NODE_ENV: 'production',
  };
}

/** What docker-compose.yml sets for every gateway. */
function deployedSettings(): Readonly<Record<string, string>> {
  const file = parse(readFileSync(COMPOSE_FILE, 'utf8')) as {
    readonly 'x-environment': Readonly<Record<string, string>>;
  };
  return file['x-environment'];
}

function startRedis(directory: string): Child {
  const options = {
    '--port': '0',
    '--unixsocket': redisSocket(directory),
    '--dir': directory,
    '--save': '',
    '--appendonly': 'yes',
    '--appendfsync': 'always',
    '--maxmemory-policy': 'noeviction',
    '--aclfile': join(SOURCE, 'ops/redis.acl'),
  };
  return new Child('redis', 'redis-server', Object.entries(options).flat());
}

function redisSocket(directory: string): string {
  return join(directory, 'redis.sock');
}

function startNginx(directory: string, sockets: readonly string[], port: number): Child {
  const path = join(directory, 'nginx.conf');
  const deployed = readFileSync(join(SOURCE, 'lb/nginx.conf'), 'utf8');
  writeFileSync(path, adapted(deployed, { directory, sockets, port }));
  return new Child('nginx', 'nginx', ['-p', directory, '-c', path, '-e', 'stderr', '-g', 'daemon off;']);
}

function node(part: string, file: string, environment: Readonly<Record<string, string>>): Child {
  return new Child(part, process.execPath, [...FLAGS, join(SOURCE, file)], environment);
}

async function answering(
  clock: Clock,
  children: readonly Child[],
  url: string,
  question: Question,
): Promise<void> {
  const alive = () => children.every((child) => child.running);
  try {
    await ready(url, question, { clock, timeoutMs: READY_TIMEOUT_MS, alive });
  } catch (error) {
    // Prefer the output of processes that ended; otherwise show all of it.
    const ended = children.filter((child) => !child.running);
    const said = (ended.length > 0 ? ended : children).map(({ part, said }) => `${part}:\n${said.trimEnd()}`);
    throw new Error(said.join('\n'), { cause: error });
  }
}

async function stopAll(children: readonly Child[]): Promise<void> {
  // The load balancer first, then the instances, then what they depend on.
  for (const child of children.toReversed()) await child.stop();
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      server.close(() => resolve(port));
    });
  });
}
