import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Exchange } from '../../src/http/exchange.ts';
import { createApp, type WebApp } from '../../src/http/uws.ts';
import { type LabServed, serveLab } from '../../src/simulated/lab.ts';
import type { LabState } from '../../src/simulated/lab-state.ts';
import { Load } from '../../src/simulated/load.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { type Served, serveHere } from '../http/served.ts';
import { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { until } from '../system/until.ts';

const TOKEN = 'the-token-of-the-lab';
const ORIGIN = 'http://127.0.0.1:9999';
const SOON_MS = 5000;

/** The lab with one processor, and a gateway that only answers. */
class World {
  readonly clock = new ManualClock();
  readonly processor: SimulatedProcessor;
  readonly bodies: string[] = [];
  status = '202 Accepted';
  readonly #app: WebApp = createApp();
  #listener: Served | null = null;
  #load: Load | null = null;
  #lab: LabServed | null = null;

  constructor() {
    const fee = { units: 5n, scale: 2 };
    this.processor = new SimulatedProcessor({ clock: this.clock, random: () => 0.5, fee, token: '123' });
    this.#app.post('/payments', (response) => {
      const exchange = new Exchange(response);
      exchange.readBody(1024, (body) => {
        this.bodies.push(Buffer.from(body ?? []).toString());
        exchange.end(this.status, [], '');
      });
    });
  }

  async open(): Promise<void> {
    this.#listener = await serveHere(this.#app);
    const { port } = this.#listener;
    let ids = 0;
    const newId = () => idOf(ids++);
    this.#load = new Load({ host: '127.0.0.1', port, clock: this.clock, random: () => 0.25, newId });
    const processors = new Map([['default', this.processor]]);
    this.#lab = await serveLab({ processors, load: this.#load, token: TOKEN, origins: [ORIGIN] });
  }

  /** Stops the gateway. */
  deafen(): void {
    this.#listener?.close();
    this.#app.close();
  }

  close(): void {
    this.#load?.close();
    if (this.#lab?.kind === 'serving') this.#lab.close();
    this.deafen();
  }

  ask(method: string, path: string, body: unknown, headers: Record<string, string> = {}) {
    const port = this.#lab?.kind === 'serving' ? this.#lab.port : 0;
    const sent = { Authorization: `Bearer ${TOKEN}`, ...headers };
    const options = { host: '127.0.0.1', port, path, method, headers: sent, agent: false };
    return new Promise<{ status: number; allowed: string; body: string }>((resolve, reject) => {
      const asking = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        const allowed = String(response.headers['access-control-allow-origin']);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, allowed, body: text }));
      });
      asking.once('error', reject).end(body === null ? '' : JSON.stringify(body));
    });
  }

  async state(): Promise<LabState> {
    return JSON.parse((await this.ask('GET', '/', null)).body);
  }
}

const test = suite<{ world: World }>('lab');
test.before.each(async (context) => {
  context.world = new World();
  await context.world.open();
});
test.after.each(({ world }) => world.close());

const WELL = { name: 'default', delayMs: 0, failing: false, dropping: false };

test('breaks a processor, shows it, and repairs it', async ({ world }) => {
  assert.equal((await world.state()).processors, [WELL]);
  const broken = { delayMs: 1500, failing: true, dropping: true };
  const answer = await world.ask('PUT', '/processors/default', broken);
  assert.equal(JSON.parse(answer.body).processors, [{ ...WELL, ...broken }]);
  assert.equal(world.processor.condition(), { delayMs: 1500, failing: true, faults: ['drop-after-commit'] });
  await world.ask('PUT', '/processors/default', { delayMs: 0, failing: false, dropping: false });
  assert.equal((await world.state()).processors, [WELL]);
});

test('shows changes made elsewhere', async ({ world }) => {
  world.processor.configureDelay(77);
  assert.equal((await world.state()).processors, [{ ...WELL, delayMs: 77 }]);
});

test('refuses incomplete changes, and values out of range', async ({ world }) => {
  const wrong = [
    ['/processors/other', { delayMs: 1, failing: true, dropping: true }],
    ['/processors/default', { delayMs: 10_001, failing: true, dropping: true }],
    ['/processors/default', { delayMs: -1, failing: true, dropping: true }],
    ['/processors/default', { failing: true, dropping: true }],
    ['/processors/default', { delayMs: 1, failing: 1, dropping: true }],
    ['/processors/default', { delayMs: 1, failing: true }],
    ['/processors/default', [1]],
    ['/load', { ratePerS: 1001, seconds: 1 }],
    ['/load', { ratePerS: 1, seconds: 121 }],
    ['/load', { ratePerS: 1.5, seconds: 1 }],
    ['/load', { ratePerS: 1, seconds: 1, more: 'x'.repeat(1024) }],
  ] as const;
  for (const [path, body] of wrong) {
    assert.is((await world.ask('PUT', path, body)).status, 400, JSON.stringify(body));
  }
  const { processors, load } = await world.state();
  assert.equal(processors, [WELL]);
  assert.is(load.remaining, 0);
  assert.is((await world.ask('GET', '/nowhere', null)).status, 404);
});

test('serves only pages of the gateway, and only with the token', async ({ world }) => {
  const change = { delayMs: 5, failing: true, dropping: false };
  const refused: readonly Record<string, string>[] = [
    { Authorization: '' },
    { Authorization: 'Bearer another-token-of-lab' },
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { Host: 'rebound.example' },
  ];
  for (const headers of refused) {
    for (const [method, path] of [
      ['GET', '/'],
      ['PUT', '/processors/default'],
      ['PUT', '/load'],
    ] as const) {
      const answer = await world.ask(method, path, method === 'GET' ? null : change, headers);
      assert.is(answer.status, 403, `${method} ${JSON.stringify(headers)}`);
      assert.is(answer.allowed, 'undefined');
    }
  }
  assert.equal((await world.state()).processors, [WELL]);
  const asked = await world.ask('OPTIONS', '/load', null, { Origin: ORIGIN, Authorization: '' });
  assert.equal([asked.status, asked.allowed], [204, ORIGIN]);
  const foreign = await world.ask('OPTIONS', '/load', null, { Origin: 'http://evil.example' });
  assert.is(foreign.allowed, 'undefined');
  assert.is((await world.ask('PUT', '/processors/default', change, { Origin: ORIGIN })).status, 200);
});

test('sends load at the given rate for the given time', async ({ world }) => {
  await world.ask('PUT', '/load', { ratePerS: 50, seconds: 2 });
  assert.equal((await world.state()).load, { ratePerS: 50, remaining: 100, accepted: 0, refused: 0 });
  world.clock.pass(1000);
  await until('half of it', SOON_MS, async () => (await world.state()).load.accepted === 50);
  world.clock.pass(5000);
  await until('all of it', SOON_MS, async () => (await world.state()).load.accepted === 100);
  assert.equal((await world.state()).load, { ratePerS: 0, remaining: 0, accepted: 100, refused: 0 });
  assert.is(new Set(world.bodies).size, 100);
  assert.equal(JSON.parse(world.bodies[0] ?? ''), {
    correlationId: '00000000-0000-4000-8000-000000000000',
    amount: 51,
  });
});

test('stops load, and counts refused posts', async ({ world }) => {
  world.status = '503 Service Unavailable';
  await world.ask('PUT', '/load', { ratePerS: 20, seconds: 10 });
  world.clock.pass(1000);
  await until('refusals', SOON_MS, async () => (await world.state()).load.refused === 20);
  await world.ask('PUT', '/load', { ratePerS: 0, seconds: 0 });
  world.clock.pass(1000);
  assert.equal((await world.state()).load, { ratePerS: 0, remaining: 0, accepted: 0, refused: 20 });
  world.deafen();
  await world.ask('PUT', '/load', { ratePerS: 20, seconds: 1 });
  world.clock.pass(1000);
  await until('every post to be refused', SOON_MS, async () => (await world.state()).load.refused === 40);
});

test('keeps at most 256 posts in flight', async ({ world }) => {
  await world.ask('PUT', '/load', { ratePerS: 1000, seconds: 10 });
  world.clock.pass(1000);
  assert.is((await world.state()).load.remaining, 10_000 - 256);
});

test.run();
