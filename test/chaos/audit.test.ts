import { createServer, type Server } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { problem } from '../../src/http/problem.ts';
import { listenLocally } from '../listen-locally.ts';
import { idOf } from '../payment-id.ts';
import { Random } from '../sim/random.ts';
import { Books } from '../system/books.ts';
import { ProcessorAdmin } from '../system/processor-admin.ts';
import { Audit, type Breach, healthBreaches, type Said, type Site } from './audit.ts';
import type { Paid, Post } from './clients.ts';

/** The fate of a payment: its charges at each processor, and what the gateway reports. */
interface Fate {
  readonly posts: readonly Partial<Post>[];
  readonly charged?: readonly [(number | undefined)?, number?];
  readonly said?: Said;
}

const NONE = { totalRequests: 0, totalAmount: 0 };
const START_MS = Date.UTC(2026, 0, 1);
const QUIET_MS = 50;
const WINDOWS = 5;

/** The breaches found for a gateway and two processors that report these fates, without ids. */
async function breachesOf(fates: readonly Fate[], forgets = 0): Promise<Breach[]> {
  const paid = fates.map(
    ({ posts }, index): Paid => ({ correlationId: idOf(index), posts: posts.map(whole) }),
  );
  const charges = [0, 1].map((processor) =>
    fates.flatMap(({ charged = [] }, index) => {
      const amountCents = charged[processor];
      return amountCents === undefined
        ? []
        : [{ correlationId: idOf(index), amountCents, requestedAtMs: START_MS + index }];
    }),
  );
  const sums = charges.map((of) => ({
    totalRequests: of.length,
    totalAmount: of.reduce((sum, { amountCents }) => sum + amountCents, 0) / 100,
  }));
  const [atDefault = NONE, atFallback = NONE] = sums;
  const gateway = await serve((path) => {
    if (path === '/payments-summary') {
      const totalRequests = atDefault.totalRequests - forgets;
      return { default: { ...atDefault, totalRequests }, fallback: atFallback };
    }
    if (path.startsWith('/payments-summary')) return { default: NONE, fallback: NONE };
    const index = fates.findIndex((_, at) => path === `/payments/${idOf(at)}`);
    const said = fates[index]?.said;
    return said === undefined ? null : wholeSaid(idOf(index), said);
  });
  const processors = await Promise.all(
    sums.map((sum, index) =>
      serve((path) => {
        if (path === '/admin/payments-summary') return sum;
        if (path.startsWith('/admin/payments-summary')) return NONE;
        const offset = Number(/offset=(\d+)/.exec(path)?.[1]);
        return { payments: charges[index]?.slice(offset) ?? [] };
      }),
    ),
  );
  const admins = processors.map(
    ({ url }, index) => new ProcessorAdmin(['default', 'fallback'][index] ?? '', url),
  );
  const site: Site = { gateways: [gateway], processors: admins, books: new Books([gateway.url], admins) };
  try {
    const audit = new Audit(site, paid, [0, 0]);
    const unfinished = await audit.untilQuiet(QUIET_MS);
    return unfinished.length > 0 ? unfinished : await audit.breaches(START_MS, WINDOWS, new Random(1));
  } finally {
    for (const { server } of [gateway, ...processors]) server.close();
  }
}

/** Like a gateway, answers known paths with JSON and others with 404. */
async function serve(answer: (path: string) => unknown): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const body = answer(request.url ?? '');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('Content-Type', body === null ? 'application/problem+json' : 'application/json');
    response.statusCode = body === null ? 404 : 200;
    response.end(body === null ? problem('no-such-payment').body : JSON.stringify(body));
  });
  return { url: `http://127.0.0.1:${await listenLocally(server)}`, server };
}

function whole(post: Partial<Post>): Post {
  return { atMs: START_MS, to: 'one', amountCents: 100, manner: 'plain', status: 202, ...post };
}

function wholeSaid(correlationId: string, { status, amount = 1, ...said }: Said): object {
  const isSent = status !== 'accepted';
  const stamp = new Date(START_MS).toISOString();
  return {
    amount,
    ...said,
    correlationId,
    status,
    acceptedAt: stamp,
    processor: isSent ? 'default' : null,
    requestedAt: isSent ? stamp : null,
    attempts: isSent ? 1 : 0,
    ...(status === 'rejected' ? { reason: said.reason ?? '' } : {}),
  };
}

function finds(what: string, promise: Breach['promise'], fate: Fate, forgets = 0): void {
  test(`${promise}: ${what}`, async () => {
    const right: Fate = { posts: [{}], charged: [100] };
    const promises = (await breachesOf([right, fate, right], forgets)).map((breach) => breach.promise);
    assert.equal(promises, [promise]);
  });
}

test('a payment charged once, rejected, refused or never received is no breach', async () => {
  const fates: Fate[] = [
    { posts: [{}], charged: [100] },
    { posts: [{ status: 0 }, { status: 503 }, {}], charged: [undefined, 100] },
    { posts: [{ status: 0 }], charged: [100] },
    { posts: [{}], said: { status: 'rejected', reason: 'HTTP 400' } },
    { posts: [{}, { status: 422 }], said: { status: 'rejected', reason: 'card declined' } },
    { posts: [{ status: 0 }] },
    { posts: [{}, { amountCents: 200, status: 409 }], charged: [100] },
    {
      posts: [{}, { amountCents: 200 }],
      charged: [undefined, 200],
      said: { status: 'settled', amount: 2, conflictingAmount: 1 },
    },
  ];
  assert.equal(await breachesOf(fates), []);
});

finds('accepted but unknown', 'lost', { posts: [{}] });
finds('accepted but never finished', 'lost', { posts: [{}], said: { status: 'dispatched' } });
finds('not accepted and never finished', 'lost', {
  posts: [{ status: 0 }],
  said: { status: 'accepted' },
});
finds('rejected although no processor rejected it', 'lost', { posts: [{}], said: { status: 'rejected' } });
finds('answered as rejected although it was charged', 'idempotence', {
  posts: [{}, { status: 422 }],
  charged: [100],
});
finds('charged by both processors', 'twice', { posts: [{}], charged: [100, 100] });
finds('charged but not in the summary', 'window', { posts: [{}], charged: [100] }, 1);
finds('charged with an amount that was not posted', 'idempotence', { posts: [{}], charged: [101] });
finds('charged with a refused amount', 'idempotence', {
  posts: [{}, { amountCents: 200, status: 409 }],
  charged: [200],
});
finds('two amounts were accepted but one is not reported', 'idempotence', {
  posts: [{}, { amountCents: 200 }],
  charged: [100],
  said: { status: 'settled', amount: 1 },
});
finds('a status that no client may get', 'idempotence', { posts: [{ status: 500 }, {}], charged: [100] });
finds('refused as a conflict with itself', 'idempotence', { posts: [{ status: 409 }, {}], charged: [100] });

test('health calls too close together', async () => {
  const { url, server } = await serve(() => [
    { receivedAtMs: START_MS, limited: false },
    { receivedAtMs: START_MS + 5_000, limited: false },
    { receivedAtMs: START_MS + 9_999, limited: true },
  ]);
  const processors = [new ProcessorAdmin('default', url)];
  const breaches = await healthBreaches({ gateways: [], processors, books: new Books([], processors) });
  server.close();
  assert.equal(
    breaches.map(({ text }) => text),
    [`health call to default after only 4999 ms, at ${new Date(START_MS + 9_999).toISOString()}`],
  );
});

test.run();
