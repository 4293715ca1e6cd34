import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  charged,
  chargedLate,
  first,
  honest,
  raw,
  rests,
  silent,
  status,
  then,
} from '../../src/certify/acts.ts';
import type { ProxiedRequest } from '../../src/certify/exchange.ts';
import { FaultProxy, type Script } from '../../src/certify/fault-proxy.ts';
import { Upstream } from '../../src/certify/upstream.ts';
import { systemClock } from '../../src/core/clock.ts';
import { serveTwin, type Twin, type TwinName } from '../../src/simulated/twin.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Gateway } from './deployment.ts';
import { exchange } from './exchange.ts';
import { freePort } from './port.ts';
import { pause, until } from './until.ts';

// What processors were seen to do, over real sockets, with a gateway as a process. `dinossauro certify` has more of each.

const SETTLE_MS = 40_000;
const UUID = /[\da-f]{8}-[\da-f-]{27}/;

interface Tried {
  readonly proxy: FaultProxy;
  readonly cheap: Twin;
  readonly dear: Twin;
  /** Posts new payments; resolves with their ids. */
  post(count: number): Promise<string[]>;
  postAgain(id: string): Promise<{ readonly status: number; readonly body: string }>;
  stateOf(id: string): Promise<{ readonly status: string; readonly reason?: string }>;
  untilFinal(ids: readonly string[]): Promise<string[]>;
}

/** A gateway, a processor behind a proxy that plays the script, and a dearer one that is well. */
async function withGateway(
  script: Script,
  use: (tried: Tried) => Promise<void>,
  contract: TwinName = 'rinha',
): Promise<void> {
  const directory = temporaryDirectory();
  const [cheap, dear] = await Promise.all([twin(contract), twin('rinha')]);
  const upstream = new Upstream(cheap.url, {}, systemClock);
  const proxy = new FaultProxy({ upstream, clock: systemClock, script, honest, read: readRinha });
  const url = `http://127.0.0.1:${await freePort()}`;
  const file = join(directory, 'processors.yaml');
  writeFileSync(file, processorsFile(contract, `http://127.0.0.1:${await proxy.listen()}`, dear.url));
  const gateway = new Gateway('dist/gateway.js', url, {
    LISTEN: new URL(url).host,
    LEDGER_URL: `lmdb:${join(directory, 'ledger')}`,
    JOURNAL_DIR: join(directory, 'journal'),
    INSTANCE_ID: 'contracts',
    PROCESSORS_FILE: file,
    FAILOVER_DELAY_MS: '500',
    PROCESSOR_TIMEOUT_MS: '1000',
    LEASE_MS: '3000',
    IN_DOUBT_HOLD_MS: '4000',
    WARM_UP_PAYMENTS: '0',
  });
  const postOne = (id: string) =>
    exchange('POST', `${url}/payments`, { body: `{"correlationId":"${id}","amount":19.90}` });
  const stateOf = async (id: string) => JSON.parse((await exchange('GET', `${url}/payments/${id}`)).body);
  try {
    await gateway.start();
    await use({
      proxy,
      cheap,
      dear,
      async post(count) {
        const ids = Array.from({ length: count }, () => randomUUID());
        for (const { status } of await Promise.all(ids.map(postOne))) assert.is(status, 202);
        return ids;
      },
      postAgain: postOne,
      stateOf,
      untilFinal: (ids) =>
        until('all are final', SETTLE_MS, async () => {
          const states = (await Promise.all(ids.map(stateOf))).map(({ status }) => status);
          return states.every((status) => status === 'settled' || status === 'rejected') && states;
        }),
    });
  } catch (error) {
    console.error(gateway.output);
    throw error;
  } finally {
    await gateway.end();
    await proxy.close();
    upstream.close();
    for (const each of [cheap, dear]) each.close();
  }
}

function processorsFile(contract: string, cheapUrl: string, dearUrl: string): string {
  return `processors:
  - { name: default, url: ${cheapUrl}, contract: ${contract}, fee: { share: 0.05 } }
  - { name: fallback, url: ${dearUrl}, contract: rinha, fee: { share: 0.15 } }
`;
}

async function twin(contract: TwinName): Promise<Twin> {
  const served = await serveTwin(contract);
  if (served.kind === 'failed') throw new Error(served.reason);
  return served;
}

function readRinha(request: ProxiedRequest) {
  const [correlationId = ''] = UUID.exec(`${request.path} ${request.body}`) ?? [];
  const kind = correlationId === '' ? 'health' : request.method === 'POST' ? 'pay' : 'find';
  return { subject: { kind, correlationId, call: -1 } as const, request };
}

/** `rinha` promises that neither happens; `rest` promises nothing. */
for (const [name, pay] of [
  ['503 with Retry-After at once, and charged 300 ms later', chargedLate(300, rests(503, 1))],
  ['500 at once, and charged 800 ms later', chargedLate(800, status(500))],
] as const) {
  test(`${name}: in doubt, and charged once`, () =>
    withGateway(
      { pay: first(1, pay) },
      async ({ cheap, dear, post, untilFinal }) => {
        const ids = await post(10);
        assert.equal(new Set(await untilFinal(ids)), new Set(['settled']));
        assert.equal([cheap.books.count, dear.books.count], [10, 0]);
      },
      'rest',
    ));
}

test('422 to the payment and 404 to the look-up: a few calls, then rejected with the reason', () =>
  withGateway({ pay: status(422), find: status(404) }, async ({ proxy, post, untilFinal, stateOf }) => {
    const [id = ''] = await post(1);
    assert.equal(await untilFinal([id]), ['rejected']);
    assert.is(proxy.about('pay', id).length, 3);
    assert.ok(proxy.about('find', id).length < 60);
    assert.match((await stateOf(id)).reason ?? '', /called a duplicate 3 times, but not held: HTTP 422/);
  }));

test('401, 403, 404, 405 to every payment: none is rejected, all go elsewhere, and it is used again once it is well', () => {
  let code = 0;
  const refuse = (exchange: Parameters<typeof honest>[0]) => status(code)(exchange);
  return withGateway({ pay: refuse, find: refuse }, async ({ proxy, cheap, dear, post, untilFinal }) => {
    for (code of [401, 403, 404, 405]) {
      const ids = await post(10);
      assert.equal(new Set(await untilFinal(ids)), new Set(['settled']), String(code));
    }
    assert.is(dear.books.count, 40);
    proxy.heal();
    await until('it is used again', SETTLE_MS, async () => {
      await untilFinal(await post(1));
      return cheap.books.count > 0;
    });
  });
});

for (const [name, charge] of [
  ['nothing charged', (code: number) => status(code)],
  ['charged', (code: number) => charged(status(code))],
] as const) {
  test(`408, 409, 423, 425, ${name}: in doubt, and settled once`, () => {
    let code = 0;
    const pay = first(1, (exchange) => charge(code)(exchange));
    return withGateway({ pay }, async ({ cheap, dear, post, untilFinal }) => {
      const ids: string[] = [];
      for (code of [408, 409, 423, 425]) {
        const some = await post(2);
        assert.equal(await untilFinal(some), ['settled', 'settled'], String(code));
        ids.push(...some);
      }
      for (const id of ids)
        assert.is([cheap, dear].filter(({ books }) => books.find(id) !== undefined).length, 1);
    });
  });
}

test('Retry-After of an hour: the processor rests, and the payments go elsewhere', () =>
  withGateway({ pay: rests(503, 3600) }, async ({ proxy, dear, post, untilFinal }) => {
    const ids = await post(20);
    assert.equal(new Set(await untilFinal(ids)), new Set(['settled']));
    assert.is(dear.books.count, 20);
    const callCount = proxy.exchanges.filter(({ kind }) => kind === 'pay').length;
    await untilFinal(await post(5));
    assert.is(proxy.exchanges.filter(({ kind }) => kind === 'pay').length, callCount);
  }));

test('Retry-After to the look-up: heeded', () =>
  withGateway({ pay: status(502), find: rests(429, 30) }, async ({ proxy, post }) => {
    await post(5);
    await until('it is asked', SETTLE_MS, () => proxy.exchanges.some(({ kind }) => kind === 'find'));
    await pause(3000);
    assert.ok(proxy.exchanges.filter(({ kind }) => kind === 'find').length <= 5);
  }));

test('interim answers: read on to the final one', () => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
  return withGateway({ pay: then(raw(interim), honest) }, async ({ cheap, dear, post, untilFinal }) => {
    await untilFinal(await post(20));
    assert.equal([cheap.books.count, dear.books.count], [20, 0]);
  });
});

test('a rejected payment that is posted again is told so, with the reason', () =>
  withGateway({ pay: first(1, status(400)) }, async ({ proxy, post, postAgain, untilFinal }) => {
    const [id = ''] = await post(1);
    assert.equal(await untilFinal([id]), ['rejected']);
    const again = await until('it is refused', SETTLE_MS, async () => {
      const answer = await postAgain(id);
      return answer.status !== 202 && answer;
    });
    assert.is(again.status, 422);
    assert.match(again.body, /HTTP 400/);
    await pause(500);
    assert.is(proxy.about('pay', id).length, 1);
  }));

test('charged, and no answer: found by the look-up, and charged once', () =>
  withGateway({ pay: first(1, charged(silent)) }, async ({ cheap, dear, post, untilFinal }) => {
    const ids = await post(5);
    await untilFinal(ids);
    assert.equal([cheap.books.count, dear.books.count], [5, 0]);
  }));

test.run();
