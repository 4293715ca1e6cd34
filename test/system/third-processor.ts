import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { startNginx } from '../fuzz/site.ts';
import { Random } from '../sim/random.ts';
import { Child } from './child.ts';
import type { Gateway } from './deployment.ts';
import { Load } from './load.ts';
import { freePort } from './port.ts';
import { ProcessorAdmin } from './processor-admin.ts';
import { SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

/** Runs a third simulated processor, which is cheaper than the two of a deployment, and gives `run` a directory. */
export async function withThird(
  run: (third: ProcessorAdmin, directory: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'third-'));
  const port = await freePort();
  const settings = { LISTEN: `127.0.0.1:${port}`, NAME: 'third', FEE: '0.01' };
  const child = new Child('dist/simulated/main.js', settings);
  try {
    await run(new ProcessorAdmin('third', `http://127.0.0.1:${port}`), directory);
  } finally {
    await child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

export interface LoadOrder {
  /** The gateways behind nginx. */
  readonly urls: readonly string[];
  readonly directory: string;
  readonly payments: number;
  readonly ratePerS: number;
}

/** Posts through nginx while `operate` works, which must end first. Each post is accepted at the first try. */
export async function underLoad(
  { urls, directory, payments, ratePerS }: LoadOrder,
  operate: (load: Load) => Promise<void>,
): Promise<Load> {
  const port = await freePort();
  const nginx = startNginx(directory, port, urls);
  const url = `http://127.0.0.1:${port}`;
  await until('nginx serves', SETTLE_MS, async () => {
    return (await exchangeKept('GET', `${url}/readyz`)).status === 200;
  });
  const load = new Load({ urls: [url], payments, ratePerS, random: new Random(17) });
  const operating = operate(load).then(() =>
    assert.ok(load.accepted.length < payments, 'payments were posted all the time'),
  );
  await Promise.all([load.run(), operating]);
  await nginx.stop();
  assert.equal(
    load.payments.filter(({ status, posts }) => status !== 202 || posts !== 1),
    [],
  );
  return load;
}

/** All payments are settled once, and the summary of each gateway is what the processors have. */
export async function assertSettled(
  load: Load,
  processors: readonly ProcessorAdmin[],
  gateways: readonly Gateway[],
): Promise<void> {
  const sums = () => Promise.all(processors.map((processor) => processor.summary()));
  await until('all are settled', SETTLE_MS, async () => {
    return (await sums()).reduce((total, { count }) => total + count, 0) === load.payments.length;
  });
  assert.is(
    (await sums()).reduce((cents, { amountCents }) => cents + amountCents, 0),
    load.payments.reduce((cents, { amountCents }) => cents + amountCents, 0),
  );
  for (const gateway of gateways) {
    await until('the books agree with the processors', SETTLE_MS, async () => {
      const summary = await json(gateway, '/payments-summary');
      const charged = (await sums()).map(({ count, amountCents }) => ({
        totalRequests: count,
        totalAmount: amountCents / 100,
      }));
      return JSON.stringify(processors.map(({ name }) => summary[name])) === JSON.stringify(charged);
    });
  }
}

export async function json({ url }: Gateway, path: string): Promise<Record<string, unknown>> {
  const answer = await exchangeKept('GET', `${url}${path}`);
  assert.is(answer.status, 200, answer.body);
  return JSON.parse(answer.body);
}

/** Resolves to the status. */
export async function change({ url }: Gateway, method: string, path: string, body: object): Promise<number> {
  return (await exchangeKept(method, `${url}${path}`, { body: JSON.stringify(body) })).status;
}
