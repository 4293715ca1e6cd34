import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { id } from '../ledger/samples.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

const SETTINGS = { OPERATOR_ACCESS: 'loopback', LEASE_MS: '1000' };
const PROCESSORS = ['default', 'fallback'];
const HELD = id(1);
/** Until every instance knows of a pause; and long enough for a takeover, and to send what may be sent. */
const SOON_MS = 2500;

async function ask({ url }: Gateway, method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(url + path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 202 ? null : response.json();
}

function setPaused(gateway: Gateway, paused: boolean): Promise<unknown[]> {
  return Promise.all(PROCESSORS.map((name) => ask(gateway, 'PATCH', `/processors/${name}`, { paused })));
}

async function statusAt(gateway: Gateway): Promise<unknown> {
  const { status, amount } = (await ask(gateway, 'GET', `/payments/${HELD}`)) as Record<string, unknown>;
  return [status, amount];
}

async function act(gateway: Gateway, what: 'hold' | 'release'): Promise<unknown> {
  const payments = [{ correlationId: HELD }];
  const order = { what, payments, by: 'ana', why: 'perhaps a fraud' };
  return ((await ask(gateway, 'POST', '/actions', order)) as { results: unknown[] }).results[0];
}

for (const ledger of ['lmdb', 'redis'] as const) {
  test(`${ledger}: a payment that only a journal has stays held through kill -9 and a stop, until it is released`, () =>
    Deployment.run(
      { ledger, gatewayCount: ledger === 'lmdb' ? 1 : 2, settings: SETTINGS },
      async ({ gateways, books }) => {
        const [first, last] = [gateways[0] as Gateway, gateways.at(-1) as Gateway];
        await setPaused(first, true);
        await pause(SOON_MS);
        for (const number of [1, 2, 3])
          await ask(first, 'POST', '/payments', { correlationId: id(number), amount: 19.9 });
        assert.equal(await act(last, 'hold'), { correlationId: HELD, result: 'awaited' });
        await first.kill();
        await first.start();
        await setPaused(first, false);
        await books.untilSettled(2, SETTLE_MS);
        for (const gateway of gateways)
          await until('it is held with its amount', SETTLE_MS, async () =>
            String(await statusAt(gateway)).startsWith('held,19.9'),
          );
        for (const gateway of gateways) {
          await gateway.stop();
          await gateway.start();
        }
        await pause(SOON_MS);
        assert.is(
          (await books.counts()).reduce((sum, count) => sum + count, 0),
          2,
          'it is not sent',
        );
        assert.equal(await statusAt(first), ['held', 19.9]);
        assert.equal(await act(last, 'release'), { correlationId: HELD, result: 'released' });
        await books.untilSettled(3, SETTLE_MS);
        assert.equal(await statusAt(last), ['settled', 19.9]);
      },
    ));
}

test.run();
