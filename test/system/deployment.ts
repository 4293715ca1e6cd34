import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exchangeKept } from '../contract/kept.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { Books } from './books.ts';
import { Child, type Ended } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { type HealthCall, ProcessorAdmin } from './processor-admin.ts';
import { until } from './until.ts';

export interface Shape {
  readonly ledger: 'lmdb' | 'redis';
  readonly gatewayCount: number;
  /** The program that each gateway runs. */
  readonly program?: string;
  /** Settings of every gateway, in addition to those that connect the deployment. */
  readonly settings?: Readonly<Record<string, string>>;
}

const READY_MS = 60_000;
const STOP_MS = 20_000;
const PROCESSORS = [
  { name: 'default', fee: '0.05' },
  { name: 'fallback', fee: '0.15' },
] as const;

/** Two simulated processors and some gateways, as processes on free ports with their files in one directory. */
export class Deployment {
  readonly gateways: readonly Gateway[];
  readonly processors: readonly [ProcessorAdmin, ProcessorAdmin];
  readonly books: Books;
  readonly #directory: string;
  readonly #redis: RedisServer | null;
  readonly #processorChildren: readonly Child[];

  /** Runs everything while `use` does. If `use` fails, prints the output of the processes. */
  static async run(shape: Shape, use: (deployment: Deployment) => Promise<void>): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'system-'));
    const redis = shape.ledger === 'redis' ? await RedisServer.start() : null;
    const processorPorts = [await freePort(), await freePort()] as const;
    const gatewayPorts: number[] = [];
    for (let gateway = 0; gateway < shape.gatewayCount; gateway++) gatewayPorts.push(await freePort());
    const deployment = new Deployment(shape, directory, redis, processorPorts, gatewayPorts);
    try {
      await Promise.all([
        ...deployment.processors.map(untilServing),
        ...deployment.gateways.map((gateway) => gateway.start()),
      ]);
      await use(deployment);
    } catch (error) {
      deployment.#printOutput();
      throw error;
    } finally {
      await deployment.#end();
    }
  }

  private constructor(
    { ledger, program = 'dist/gateway.js', settings = {} }: Shape,
    directory: string,
    redis: RedisServer | null,
    processorPorts: readonly [number, number],
    gatewayPorts: readonly number[],
  ) {
    this.#directory = directory;
    this.#redis = redis;
    this.#processorChildren = PROCESSORS.map(
      ({ name, fee }, index) =>
        new Child('dist/simulated/main.js', {
          LISTEN: `127.0.0.1:${processorPorts[index]}`,
          NAME: name,
          FEE: fee,
        }),
    );
    const [defaultUrl, fallbackUrl] = processorPorts.map((port) => `http://127.0.0.1:${port}`) as [
      string,
      string,
    ];
    this.processors = [
      new ProcessorAdmin('default', defaultUrl),
      new ProcessorAdmin('fallback', fallbackUrl),
    ];
    this.gateways = gatewayPorts.map(
      (port, index) =>
        new Gateway(program, `http://127.0.0.1:${port}`, {
          LISTEN: `127.0.0.1:${port}`,
          LEDGER_URL: ledger === 'lmdb' ? `lmdb:${join(directory, 'ledger')}` : (redis?.url ?? ''),
          INSTANCE_ID: `gateway-${index}`,
          JOURNAL_DIR: join(directory, `journal-${index}`),
          PAYMENT_PROCESSOR_URL_DEFAULT: defaultUrl,
          PAYMENT_PROCESSOR_URL_FALLBACK: fallbackUrl,
          LOG_LEVEL: 'info',
          // Saves a second per start; contest runs do warm up.
          WARM_UP_PAYMENTS: '0',
          ...settings,
        }),
    );
    this.books = new Books(this.urls, this.processors);
  }

  get redis(): RedisServer {
    if (this.#redis === null) throw new Error('this deployment has no Redis');
    return this.#redis;
  }

  get urls(): string[] {
    return this.gateways.map(({ url }) => url);
  }

  /** Pairs of health calls to a processor that violate its budget; empty if there are none. */
  async healthFaults(): Promise<string[]> {
    const faults = await Promise.all(
      this.processors.map(async (processor) => tooSoon(processor.name, await processor.healthCalls())),
    );
    return faults.flat();
  }

  #printOutput(): void {
    for (const { url, output } of this.gateways) console.error(`--- gateway ${url}\n${output}`);
    for (const { output } of this.#processorChildren) console.error(`--- processor\n${output}`);
  }

  async #end(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.end()));
    for (const child of this.#processorChildren) child.send('SIGTERM');
    await Promise.all(this.#processorChildren.map((child) => child.ended));
    await this.#redis?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A gateway that can be started and stopped repeatedly. */
export class Gateway {
  readonly url: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #program: string;
  #child: Child | null = null;
  #earlierOutput = '';

  constructor(program: string, url: string, environment: Readonly<Record<string, string>>) {
    this.#program = program;
    this.url = url;
    this.environment = environment;
  }

  /** The output of all its runs, in order. */
  get output(): string {
    return this.#earlierOutput + (this.#child?.output ?? '');
  }

  get child(): Child {
    if (this.#child === null) throw new Error('the gateway was never started');
    return this.#child;
  }

  /** Resolves when it is ready. `settings` apply to this run only. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#earlierOutput = this.output;
    this.#child = new Child(
      this.#program,
      { ...this.environment, ...settings },
      {
        isTerminal: this.#program === 'dist/start.js',
      },
    );
    await this.ready();
  }

  async ready(): Promise<void> {
    const { child } = this;
    await until(`${this.url} is ready`, READY_MS, async () => {
      if (!child.running) throw new Error('the gateway exited before it was ready');
      return (await exchangeKept('GET', `${this.url}/readyz`)).status === 200;
    });
  }

  /** Like `kill -9`. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Like `kill`. */
  async stop(): Promise<Ended> {
    this.child.send('SIGTERM');
    return this.child.ended;
  }

  /** Sends a signal, then kills the process if it does not exit. */
  async end(): Promise<void> {
    if (this.#child?.running !== true) return;
    const overdue = setTimeout(() => void this.#child?.kill(), STOP_MS);
    await this.stop();
    clearTimeout(overdue);
  }
}

async function untilServing(processor: ProcessorAdmin): Promise<void> {
  await until(`processor ${processor.name} serves`, READY_MS, async () => {
    return (await exchange('GET', `${processor.url}/admin/payments-summary`)).status === 401;
  });
}

const HEALTH_PERIOD_MS = 5_000;

/** Health calls that followed the previous one too soon; empty if there are none. */
export function tooSoon(name: string, calls: readonly HealthCall[]): string[] {
  return calls.flatMap(({ receivedAtMs, limited }, index) => {
    const previous = calls[index - 1];
    const gapMs = previous === undefined ? HEALTH_PERIOD_MS : receivedAtMs - previous.receivedAtMs;
    if (!limited && gapMs >= HEALTH_PERIOD_MS) return [];
    return [`health call to ${name} after only ${gapMs} ms, at ${new Date(receivedAtMs).toISOString()}`];
  });
}
