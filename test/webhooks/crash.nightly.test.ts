import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Client } from '../../client/src/index.ts';
import { Deployment, type Gateway } from '../system/deployment.ts';
import { freePort } from '../system/port.ts';
import { pause, until } from '../system/until.ts';

const ADMIN_TOKEN = 'a-token-of-the-operator';
const SECRET = `whsec_${Buffer.alloc(32, 's').toString('base64')}`;
/** How many payments: 100,000 took five minutes on two cores, for both ledgers. */
const PAYMENTS = Number(process.env['WEBHOOK_PAYMENTS'] ?? 3000);
const BATCH = 250;
const REJECTED = 100;
const ALL_RECEIVED_MS = 180_000 + PAYMENTS * 20;

interface Received {
  readonly id: string;
  readonly type: string;
  readonly payment: string;
  readonly forged?: string;
}

/** A receiver in a process of its own, which is killed and started again. */
class Receiver {
  readonly #arguments: readonly string[];
  readonly #file: string;
  #child: ChildProcess | null = null;

  constructor(port: number, file: string) {
    this.#arguments = [join(import.meta.dirname, 'receiver.ts'), String(port), file, SECRET];
    this.#file = file;
  }

  start(): void {
    this.#child = spawn(process.execPath, this.#arguments, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  get received(): Received[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Received);
  }
}

for (const ledger of ['redis', 'lmdb'] as const) {
  test(`each event is received under kill -9 of gateways and receiver, in order for each payment, on ${ledger}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dinossauro-webhooks-'));
    const port = await freePort();
    const file = join(directory, 'webhooks.yaml');
    writeFileSync(
      file,
      `webhooks: [{ name: shop, url: "http://127.0.0.1:${port}/", secrets: [HOOK_SECRET] }]\n`,
    );
    const receiver = new Receiver(port, join(directory, 'received'));
    receiver.start();
    const settings = {
      ADMIN_TOKEN,
      EVENTS: 'true',
      WEBHOOKS_FILE: file,
      HOOK_SECRET: SECRET,
      LEASE_MS: '2000',
    };
    try {
      await Deployment.run({ ledger, gatewayCount: 2, settings }, (deployment) =>
        crash(deployment, receiver),
      );
    } finally {
      await receiver.kill();
      rmSync(directory, { recursive: true });
    }
  });
}

async function crash(deployment: Deployment, receiver: Receiver): Promise<void> {
  const [first, second] = deployment.gateways as [Gateway, Gateway];
  const clients = [first, second].map(({ url }) => new Client({ url, apiKey: ADMIN_TOKEN }));
  const ids = new Set<string>();
  let at = 0;
  const [cheap] = deployment.processors;
  await cheap.setFault({ kind: '400', rate: 0.5, count: REJECTED });
  const post = async () => {
    while (ids.size < PAYMENTS) {
      const batch = Array.from({ length: BATCH }, () => ({ correlationId: randomUUID(), amountCents: 1990 }));
      const answers = await clients[at++ % 2]?.postAll(batch, { timeoutMs: 20_000 }).catch(() => []);
      for (const { correlationId, status } of answers ?? [])
        if (status === 202 && correlationId !== undefined) ids.add(correlationId);
      await pause(200);
    }
  };
  const posting = post();
  for (const gateway of [first, second, first]) {
    await pause(3000);
    await receiver.kill();
    await gateway.kill();
    await pause(1000);
    receiver.start();
    await gateway.start();
    await gateway.ready();
  }
  await posting;
  const client = clients[0] as Client;
  await sendRejectedAgain(client, first.url);
  const finished = async () => {
    const open = [];
    for await (const payment of client.list({ status: 'open' })) open.push(payment);
    return open.length === 0;
  };
  await until('all payments are finished', ALL_RECEIVED_MS, finished);
  const settled = () =>
    new Set(receiver.received.filter(({ type }) => type === 'payment.settled').map(({ payment }) => payment));
  await until('every settlement is received', ALL_RECEIVED_MS, () => {
    const known = settled();
    return [...ids].every((id) => known.has(id));
  });
  const { received } = receiver;
  assert.equal(
    received.filter(({ forged }) => forged !== undefined),
    [],
  );
  const rejected = new Set<string>();
  for (const { type, payment } of received) if (type === 'payment.rejected') rejected.add(payment);
  assert.ok(rejected.size > 0, 'some were rejected first');
  for (const payment of rejected) {
    const own = received.filter((each) => each.payment === payment);
    assert.is(own[0]?.type, 'payment.rejected', `${payment}: its first event comes first`);
    assert.is(own.at(-1)?.type, 'payment.settled', `${payment}: its last event comes last`);
  }
  const named = Map.groupBy(received, ({ id }) => id);
  for (const [id, same] of named)
    assert.is(new Set(same.map((each) => each.payment + each.type)).size, 1, id);
}

async function sendRejectedAgain(client: Client, url: string): Promise<void> {
  const payments = [];
  for await (const { correlationId, attempts } of client.list({ status: 'rejected' }))
    payments.push({ correlationId, attempts });
  for (let start = 0; start < payments.length; start += 100) {
    const body = JSON.stringify({
      what: 'send-again',
      payments: payments.slice(start, start + 100),
      by: 'ops',
      why: 'a test',
    });
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/actions`, { method: 'POST', headers, body });
    assert.is(response.status, 200, await response.text());
  }
}

test.run();
