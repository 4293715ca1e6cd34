import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventStreamReader } from '../../client/src/stream.ts';
import { exchangeKept } from '../contract/kept.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { exchange } from './exchange.ts';
import { ledgers, SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

/** Several health intervals, with room for a busy machine. */
const HEAL_MS = 60_000;
/** How long a payment whose call ended without an answer stays in doubt. */
const DOUBTS = { PROCESSOR_TIMEOUT_MS: '500', LEASE_MS: '1500', IN_DOUBT_HOLD_MS: '4000' };
/** Unset, because PROCESSORS replaces them. */
const NO_URLS = { PAYMENT_PROCESSOR_URL_DEFAULT: '', PAYMENT_PROCESSOR_URL_FALLBACK: '' };

function idOf(number: number): string {
  return `4a7901b8-7d26-4d9d-aa19-${String(number).padStart(12, '0')}`;
}

async function post({ url }: Gateway, number: number): Promise<void> {
  const body = JSON.stringify({ correlationId: idOf(number), amount: 100 });
  assert.is((await exchangeKept('POST', `${url}/payments`, { body })).status, 202);
}

async function shown({ url }: Gateway, path: string): Promise<Record<string, unknown>> {
  const { status, body } = await exchangeKept('GET', `${url}${path}`);
  return status === 200 ? JSON.parse(body) : {};
}

async function metric({ url }: Gateway, series: string): Promise<number | undefined> {
  const { body } = await exchange('GET', `${url}/metrics`);
  const line = body.split('\n').find((text) => text.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.split(' ')[1]);
}

async function breakers(gateway: Gateway): Promise<string> {
  const open = (name: string) => metric(gateway, `dinossauro_breaker_open{processor="${name}"}`);
  return `${await open('default')} ${await open('fallback')}`;
}

/** The first events of circuits, oldest first. */
async function circuitEvents({ url }: Gateway, count: number): Promise<string[]> {
  const from = '/events?after=1970-01-01T00:00:00Z';
  const response = await fetch(url + from, { signal: AbortSignal.timeout(SETTLE_MS) });
  const [reader, decoder, found] = [new EventStreamReader(), new TextDecoder(), [] as string[]];
  for await (const bytes of response.body ?? []) {
    for (const { data } of reader.push(decoder.decode(bytes, { stream: true }))) {
      const event = data === '' ? null : JSON.parse(data);
      if (event?.type.startsWith('processor.circuit-')) found.push(`${event.type} ${event.data.processor}`);
      if (found.length === count) return found;
    }
  }
  return found;
}

const EVENTS = { EVENTS: 'true', OPERATOR_ACCESS: 'loopback' };

test('without payments, breakers close on every instance once the processors recover, and each outage has two events', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 2, settings: EVENTS }, async ({ gateways, processors }) => {
    const areAll = (state: string) => async () =>
      (await Promise.all(gateways.map(breakers))).every((each) => each === state);
    for (const processor of processors) await processor.setFailing(true);
    await until('both breakers are open', HEAL_MS, areAll('1 1'));
    await processors[0].setFailing(false);
    await until('the breaker of default closes', HEAL_MS, areAll('0 1'));
    await processors[1].setFailing(false);
    await until('the breaker of fallback closes', HEAL_MS, areAll('0 0'));
    const events = await circuitEvents(gateways[1] as Gateway, 4);
    assert.equal(events.slice(0, 2).sort(), [
      'processor.circuit-opened default',
      'processor.circuit-opened fallback',
    ]);
    assert.equal(events.slice(2), ['processor.circuit-closed default', 'processor.circuit-closed fallback']);
  }));

for (const ledger of ledgers('redis')) {
  test(`a renamed processor keeps its settled and open payments: ${ledger}`, () =>
    Deployment.run({ ledger, gatewayCount: 1, settings: DOUBTS }, async ({ gateways, processors }) => {
      const [gateway] = gateways as [Gateway];
      const [cheap, dear] = processors;
      for (const number of [1, 2, 3]) await post(gateway, number);
      await until('three payments settle', SETTLE_MS, async () => (await cheap.summary()).count === 3);
      await cheap.setFault({ kind: 'drop-after-commit', rate: 1 });
      await post(gateway, 4);
      await until('the fourth is charged', SETTLE_MS, async () => (await cheap.summary()).count === 4);
      await gateway.kill();

      await gateway.start({ ...NO_URLS, PROCESSORS: `renamed:0.05:${dear.url}` });
      const left = () => metric(gateway, 'dinossauro_unconfigured_processor_payments');
      await until('the open payment is counted', SETTLE_MS, async () => (await left()) === 1);
      assert.match(gateway.output, '"processor":"default","payments":1');
      await post(gateway, 5);
      await until('a new payment settles', SETTLE_MS, async () => (await dear.summary()).count === 1);
      const settled = (count: number) => ({ totalRequests: count, totalAmount: count * 100 });
      await until('the ledger has it', SETTLE_MS, async () => {
        const { renamed, default: former } = await shown(gateway, '/payments-summary');
        return JSON.stringify([renamed, former]) === JSON.stringify([settled(1), settled(3)]);
      });
      const { processor, status } = await shown(gateway, `/payments/${idOf(4)}`);
      assert.equal([processor, status], ['default', 'dispatched']);
      await gateway.stop();

      await cheap.setFault({ kind: 'none' });
      await gateway.start();
      await until('the open payment settles', SETTLE_MS, async () => {
        return (await shown(gateway, `/payments/${idOf(4)}`))['status'] === 'settled';
      });
      await until('no open payment is left', SETTLE_MS, async () => (await left()) === 0);
      assert.equal(await shown(gateway, '/payments-summary'), {
        default: settled(4),
        fallback: settled(0),
        renamed: settled(1),
      });
      assert.is((await cheap.summary()).count, 4, 'charged once');
    }));
}

const TWO_THREADS = { POOL_THREADS: '2', OPERATOR_ACCESS: 'loopback' };

for (const ledger of ledgers('redis')) {
  test(`limits hold at every instance and after a restart, and let go of what waits: ${ledger}`, () =>
    Deployment.run(
      { ledger, gatewayCount: 2, settings: TWO_THREADS },
      async ({ gateways: [one, other], processors: [cheap, dear] }) => {
        assert.ok(one !== undefined && other !== undefined);
        const limit = async (name: string, limits: object | null) => {
          const body = JSON.stringify({ limits });
          const { status } = await exchangeKept('PATCH', `${one.url}/processors/${name}`, { body });
          assert.is(status, 200);
        };
        const waiting = () => metric(other, 'dinossauro_amount_not_taken_payments');
        const isSaid = (line: string, times: number) =>
          [one, other].every(({ output }) => output.split(line).length > times);
        await limit('default', { maxAmount: 50, callsAtOnce: 4 });
        await limit('fallback', { maxAmount: 99.99 });
        await until('both hear of both', SETTLE_MS, async () => isSaid('the limits have changed', 2));
        for (const number of [1, 2, 3, 4]) await post(other, number);
        await until('no processor takes them', SETTLE_MS, async () => (await waiting()) === 4);
        await other.kill();
        await other.start();
        await until('they still wait', SETTLE_MS, async () => (await waiting()) === 4);
        assert.equal([(await cheap.summary()).count, (await dear.summary()).count], [0, 0]);
        await limit('fallback', { maxAmount: 100 });
        await until('they settle', SETTLE_MS, async () => (await dear.summary()).count === 4);
        await post(one, 5);
        await until('so does a new one', SETTLE_MS, async () => (await dear.summary()).count === 5);
        await limit('default', null);
        await until('as configured', SETTLE_MS, async () => isSaid('the limits are as configured again', 1));
        await post(other, 6);
        await until('the cheap one gets it', SETTLE_MS, async () => (await cheap.summary()).count === 1);
      },
    ));
}

test.run();
