import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';
import { systemClock } from '../../src/core/clock.ts';
import { serveLab } from '../../src/simulated/lab.ts';
import { Load } from '../../src/simulated/load.ts';
import type { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { serveSimulated } from '../simulated/serve-simulated.ts';
import { Child } from '../system/child.ts';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const READY_MS = 20_000;
const FEES = [
  ['default', 5n],
  ['fallback', 15n],
] as const;
const BROWSERS = ['chromium', 'google-chrome'];

export interface Another {
  readonly url: string;
  readonly kill: () => Promise<unknown>;
}

/** What `npm start` runs, on free ports: breakable processors, their lab, and a gateway that can be killed. */
export class Site {
  readonly port: number;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #closers: (() => void)[];
  #gateway: Child | null = null;

  static async open(settings: Readonly<Record<string, string>> = {}): Promise<Site> {
    const directory = temporaryDirectory();
    const closers: (() => void)[] = [];
    const processors = new Map<string, SimulatedProcessor>();
    const urls: string[] = [];
    for (const [name, hundredths] of FEES) {
      const { processor, url, close } = await serveSimulated(hundredths);
      processors.set(name, processor);
      urls.push(url);
      closers.push(close);
    }
    const port = await freePort();
    const load = new Load({
      host: '127.0.0.1',
      port,
      clock: systemClock,
      random: Math.random,
      newId: () => crypto.randomUUID(),
    });
    const token = 'the-token-of-the-lab';
    const lab = await serveLab({ processors, load, token, origins: [`http://127.0.0.1:${port}`] });
    if (lab.kind === 'failed') throw new Error(lab.reason);
    closers.push(
      () => lab.close(),
      () => load.close(),
    );
    return new Site(port, closers, {
      LISTEN: `127.0.0.1:${port}`,
      LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
      JOURNAL_DIR: join(directory, 'journal'),
      INSTANCE_ID: 'gateway-1',
      PAYMENT_PROCESSOR_URL_DEFAULT: urls[0] ?? '',
      PAYMENT_PROCESSOR_URL_FALLBACK: urls[1] ?? '',
      WARM_UP_PAYMENTS: '0',
      OPERATOR_ACCESS: 'loopback',
      DASHBOARD_LAB: `http://127.0.0.1:${lab.port}/#${token}`,
      ...settings,
    });
  }

  private constructor(port: number, closers: (() => void)[], environment: Record<string, string>) {
    this.port = port;
    this.#closers = closers;
    this.#environment = environment;
  }

  /** The directory of its LMDB ledger. */
  get ledgerPath(): string {
    return (this.#environment['LEDGER_URL'] ?? '').replace(/^lmdb:/, '');
  }

  /** Those of the processors, the cheaper one first. */
  get processorUrls(): readonly string[] {
    return ['DEFAULT', 'FALLBACK'].map((name) => this.#environment[`PAYMENT_PROCESSOR_URL_${name}`] ?? '');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#gateway = new Child('dist/gateway.js', this.#environment);
    await untilReady(this.url);
  }

  /** Another instance with the same books; `settings` replace those of the first. */
  async startAnother(instanceId: string, settings: Readonly<Record<string, string>>): Promise<Another> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const gateway = new Child('dist/gateway.js', {
      ...this.#environment,
      LISTEN: url.replace('http://', ''),
      INSTANCE_ID: instanceId,
      JOURNAL_DIR: join(temporaryDirectory(), 'journal'),
      ...settings,
    });
    const kill = () => gateway.kill();
    this.#closers.push(() => void kill());
    await untilReady(url);
    return { url, kill };
  }

  /** Kills the gateway, as a crash would. */
  async kill(): Promise<void> {
    await this.#gateway?.kill();
    this.#gateway = null;
  }

  async close(): Promise<void> {
    await this.kill();
    for (const close of this.#closers.toReversed()) close();
  }
}

async function untilReady(url: string): Promise<void> {
  await until('the gateway to be ready', READY_MS, async () => {
    return (await exchange('GET', `${url}/readyz`)).status === 200;
  });
}

/** Path of Chromium or Chrome on this machine. */
export function openBrowser(): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const paths = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name)));
  const executablePath = paths.find((path) => existsSync(path));
  // Its sandbox does not work for root.
  const options: LaunchOptions = { chromiumSandbox: process.getuid?.() !== 0 };
  return chromium.launch(
    executablePath === undefined ? { ...options, channel: 'chrome' } : { ...options, executablePath },
  );
}
