import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { SETTLE_MS } from './scale.ts';
import { until } from './until.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-000000000001';

function post({ url }: Gateway) {
  const body = JSON.stringify({ correlationId: ID, amount: 100 });
  return exchangeKept('POST', `${url}/payments`, { body });
}

async function isTold(gateway: Gateway): Promise<boolean> {
  const { status, body } = await post(gateway);
  if (status === 202) return false;
  const { type, detail } = JSON.parse(body);
  assert.equal([status, type], [422, '/errors#payment-rejected']);
  assert.match(detail, 'default: HTTP 400');
  return true;
}

test('a rejected payment that is posted again is told why: where it was rejected, elsewhere, and after a restart', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 2 }, async ({ gateways, processors }) => {
    const [first, second] = gateways as [Gateway, Gateway];
    const [cheap, dear] = processors;
    await cheap.setFault({ kind: '400', rate: 1, count: 1 });
    assert.is((await post(first)).status, 202);
    await until('the first instance has seen the rejection', SETTLE_MS, () => isTold(first));
    assert.is((await post(second)).status, 202, 'not known here yet');
    await until('the second instance has learned it', SETTLE_MS, () => isTold(second));
    await first.stop();
    await first.start();
    await until('the first instance has learned it again', SETTLE_MS, () => isTold(first));
    assert.equal([(await cheap.summary()).count, (await dear.summary()).count], [0, 0], 'never charged');
  }));

test.run();
