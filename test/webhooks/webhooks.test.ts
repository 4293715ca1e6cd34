import { createServer, type IncomingHttpHeaders } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyWebhook, WebhookError } from '../../client/src/webhook.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isWebhookSecret } from '../../src/core/webhook-signature.ts';
import { eventJson } from '../../src/http/event-json.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { bookmarkOf } from '../../src/webhooks/progress.ts';
import { Webhooks } from '../../src/webhooks/webhooks.ts';
import { contract } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { claimOf, id, must, settlementOf } from '../ledger/samples.ts';
import { listenLocally } from '../listen-locally.ts';
import { until } from '../system/until.ts';

const OLD = `whsec_${Buffer.alloc(24, 'old').toString('base64')}`;
const NEW = `whsec_${Buffer.alloc(64, 'new').toString('base64')}`;
const SOON_MS = 10_000;

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver that answers as told, and the webhooks of an instance that post to it. */
async function inWorld(
  answer: (received: Received) => number,
  use: (world: {
    readonly received: Received[];
    readonly ledger: MemoryLedger;
    readonly log: KeptLog;
    readonly counted: Map<string, number>;
  }) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      const each = { headers: request.headers, body };
      received.push(each);
      response.writeHead(answer(each), { Location: '/elsewhere' }).end('so what');
    });
  });
  const port = await listenLocally(server);
  const ledger = new MemoryLedger(['default'], new MemoryStore(), MEMORY_OUTBOX);
  const [log, counted] = [new KeptLog(), new Map<string, number>()];
  const note = (name: string, value: number) => counted.set(name, value);
  const webhooks = new Webhooks({
    webhooks: [{ name: 'shop', url: `http://127.0.0.1:${port}/hook`, secrets: [OLD, NEW], types: [] }],
    ledger,
    instanceId: 'gateway-1',
    textOf: eventJson,
    metrics: {
      count: (name: string) => note(name, (counted.get(name) ?? 0) + 1),
      set: note,
    } as never,
    clock: systemClock,
    log,
  });
  try {
    await until('it has begun', SOON_MS, async () => {
      return (await must(ledger.bookmark(bookmarkOf('shop')))).version > 0;
    });
    await use({ received, ledger, log, counted });
  } finally {
    await webhooks.close();
    server.close();
    server.closeAllConnections();
  }
}

async function settle(ledger: MemoryLedger, ...numbers: number[]): Promise<void> {
  const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 1e15));
  const claims = numbers.map((number) => claimOf(number));
  await must(ledger.commit(owner, [], claims));
  const settlements = numbers.map((number) => settlementOf(number));
  await must(ledger.commit(owner, settlements, []));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof WebhookError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

test('an endpoint gets each event signed with every secret, and the client verifies it', () =>
  inWorld(
    () => 204,
    async ({ received, ledger, counted }) => {
      await settle(ledger, 1, 2, 3);
      await until('three are received', SOON_MS, () => received.length === 3);
      const ids = new Set<string>();
      for (const { headers, body } of received) {
        assert.is(contract.mismatch(['components', 'schemas', 'GatewayEvent'], JSON.parse(body)), null);
        for (const secrets of [OLD, NEW, [NEW, OLD]]) {
          const event = await verifyWebhook({ body, headers }, secrets);
          assert.is(event.type, 'payment.settled');
          assert.is(event.id, headers['webhook-id']);
          ids.add(event.type === 'payment.settled' ? event.data.payment.correlationId : '');
          if (event.type === 'payment.settled') assert.is(event.data.chargedAmountCents, 1990);
        }
      }
      assert.equal(ids, new Set([id(1), id(2), id(3)]));
      await until('they are counted', SOON_MS, () => counted.get('webhookPosts') === 3);
    },
  ));

test('what is not from this gateway, or is old, is refused', () =>
  inWorld(
    () => 200,
    async ({ received, ledger }) => {
      await settle(ledger, 1);
      const [first] = await until('it is received', SOON_MS, () => received.length > 0 && received);
      const { headers, body } = first as Received;
      const other = `whsec_${Buffer.alloc(32, 'x').toString('base64')}`;
      assert.match(await refusal(verifyWebhook({ body, headers }, other)), 'no signature');
      assert.match(await refusal(verifyWebhook({ body: `${body} `, headers }, OLD)), 'no signature');
      const changed = { ...headers, 'webhook-id': '0-1-1' };
      assert.match(await refusal(verifyWebhook({ body, headers: changed }, OLD)), 'no signature');
      for (const awayMs of [-301_000, 301_000])
        assert.match(
          await refusal(verifyWebhook({ body, headers }, OLD, Date.now() + awayMs)),
          'five minutes',
        );
      for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'])
        assert.match(await refusal(verifyWebhook({ body, headers: { ...headers, [name]: '' } }, OLD)), name);
      const nonsense = { ...headers, 'webhook-signature': 'v1,%% v2,x v1' };
      assert.match(await refusal(verifyWebhook({ body, headers: nonsense }, OLD)), 'no signature');
    },
  ));

test('the signature is that of the specification', async () => {
  // The example of its reference implementations.
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const verified = await verifyWebhook({ body: '{"test": 2432232314}', headers }, secret, 1_614_265_330_000);
  assert.equal(verified, { test: 2_432_232_314 });
  assert.ok(isWebhookSecret(secret));
  for (const wrong of [
    '',
    'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'whsec_x',
    'whsec_%%%',
    `whsec_${'A'.repeat(100)}`,
  ])
    assert.not.ok(isWebhookSecret(wrong), wrong);
});

test('a failure is posted again, and a redirect is not followed', () => {
  let answers = 0;
  return inWorld(
    () => [307, 500, 200][answers++] ?? 200,
    async ({ received, ledger, log, counted }) => {
      await settle(ledger, 1);
      await until('it is posted three times', SOON_MS, () => received.length === 3);
      assert.is(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1);
      await until('it is counted', SOON_MS, () => counted.get('webhookPosts') === 1);
      assert.is(counted.get('webhookFailures'), 2);
      assert.ok(log.lines.includes('warn a webhook fails'));
    },
  );
});

test.run();
