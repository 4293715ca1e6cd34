import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../src/core/clock.ts';
import { auditArguments, auditEnvironment, audited } from './audited.ts';
import { Cgroup } from './cgroup.ts';
import { type Deployment, type Entry, isComposeFile, type Site } from './deployment.ts';
import { GATEWAY_READY, PEER_READY, PROCESSOR_READY, type Question, ready } from './ready.ts';
import type { PerProcessor } from './scenario.ts';

const READY_TIMEOUT_MS = 60_000;
const SOURCE = join(import.meta.dirname, '../..');
const DEPLOYED = join(SOURCE, 'docker-compose.yml');
const FLOOR = join(import.meta.dirname, 'docker-compose.floor.yml');
const PROCESSORS = join(import.meta.dirname, 'docker-compose.processors.yml');
const TARGET = 'http://127.0.0.1:9999';
const NETWORK = 'payment-processor';
const PROCESSOR_URLS = { default: 'http://127.0.0.1:8001', fallback: 'http://127.0.0.1:8002' };

/** The real deployment with its limits, and simulated processors in containers beside it. */
export async function composeSite(clock: Clock, fees: PerProcessor<number>, token: string): Promise<Site> {
  const environment = {
    FEE_DEFAULT: String(fees.default),
    FEE_FALLBACK: String(fees.fallback),
    TOKEN: token,
  };
  const removeNetwork = await makeNetwork();
  const project = await Project.up('rinha-processors', [PROCESSORS], environment);
  const close = async () => {
    await project.down();
    await removeNetwork();
  };
  try {
    for (const url of Object.values(PROCESSOR_URLS)) await answering(clock, url, PROCESSOR_READY);
  } catch (error) {
    await close();
    throw error;
  }
  return { name: 'compose', processors: PROCESSOR_URLS, open: (entry) => open(clock, entry, token), close };
}

/** Creates the shared network unless it exists. Returns a function that removes it again. */
async function makeNetwork(): Promise<() => Promise<void>> {
  const names = await execute('docker', ['network', 'ls', '--format', '{{.Name}}']);
  if (names.split('\n').includes(NETWORK)) return async () => undefined;
  await execute('docker', ['network', 'create', NETWORK]);
  return async () => {
    await execute('docker', ['network', 'rm', NETWORK]);
  };
}

async function open(clock: Clock, entry: Entry, token: string): Promise<Deployment> {
  const project = await Project.up('rinha', filesOf(entry), {});
  const close = () => project.down();
  try {
    await answering(clock, TARGET, isComposeFile(entry) ? PEER_READY : GATEWAY_READY);
    const groups = await project.groups();
    return {
      target: TARGET,
      usage: () => groups.map((group) => group.usage()),
      audit: (fromMs) => (entry === 'gateway' ? project.audit(fromMs, token) : Promise.resolve(null)),
      close,
    };
  } catch (error) {
    const said = await project.said();
    await close();
    throw new Error(said, { cause: error });
  }
}

function filesOf(entry: Entry): readonly string[] {
  if (isComposeFile(entry)) return [entry];
  return entry === 'floor' ? [DEPLOYED, FLOOR] : [DEPLOYED];
}

function answering(clock: Clock, url: string, question: Question): Promise<void> {
  return ready(url, question, { clock, timeoutMs: READY_TIMEOUT_MS, alive: () => true });
}

/** A running compose project. */
class Project {
  readonly #command: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(command: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#command = command;
    this.#environment = environment;
  }

  /** Starts from scratch: first removes what an earlier run left, including volumes. */
  static async up(
    name: string,
    files: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Project> {
    const command = [...(await composeCommand()), '-p', name, ...files.flatMap((file) => ['-f', file])];
    const project = new Project(command, { ...process.env, ...environment });
    await project.down();
    try {
      await project.#compose('up', '-d', '--build');
    } catch (error) {
      await project.down();
      throw error;
    }
    return project;
  }

  async down(): Promise<void> {
    await this.#compose('down', '--volumes', '--remove-orphans');
  }

  /** The cgroup of each container. */
  async groups(): Promise<Cgroup[]> {
    const ids = (await this.#compose('ps', '-q')).split(/\s+/).filter(Boolean);
    const format = '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Pid}}';
    const lines = (await execute('docker', ['inspect', '--format', format, ...ids])).trim().split('\n');
    return lines.map((line) => {
      const [service = '', pid = ''] = line.split(' ');
      return new Cgroup(service, Number(pid));
    });
  }

  /** Runs in a container of its own, so that its resources do not count as the instances'. */
  audit(fromMs: number, token: string): Promise<string> {
    const [file = '', ...before] = this.#command;
    const settings = Object.entries(auditEnvironment(token)).flatMap(([name, value]) => [
      '-e',
      `${name}=${value}`,
    ]);
    const once = ['run', '--rm', '--no-deps', '-T', ...settings, 'gateway-1'];
    const program = ['node', 'dist/cli/main.js', ...auditArguments(fromMs)];
    return audited(file, [...before, ...once, ...program], this.#environment);
  }

  /** The last output of its containers. */
  said(): Promise<string> {
    return this.#compose('logs', '--no-color', '--tail', '20');
  }

  #compose(...args: string[]): Promise<string> {
    const [file = '', ...before] = this.#command;
    return execute(file, [...before, ...args], this.#environment);
  }
}

/** The compose plugin if installed, otherwise the program; both apply the limits under `deploy`. */
async function composeCommand(): Promise<string[]> {
  const candidates = [
    ['docker', 'compose'],
    ['docker-compose', '--compatibility'],
  ];
  for (const [file = '', ...args] of candidates) {
    try {
      await execute(file, [...args, 'version']);
      return [file, ...args];
    } catch {
      // Not installed: try the next one.
    }
  }
  throw new Error('--compose needs Docker with docker compose or docker-compose');
}

const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** Resolves to standard output; rejects with standard error. */
async function execute(file: string, args: readonly string[], env = process.env): Promise<string> {
  const options = { env, maxBuffer: OUTPUT_LIMIT_BYTES };
  const { stdout } = await promisify(execFile)(file, args, options);
  return stdout;
}
