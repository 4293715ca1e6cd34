import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress } from '../../src/core/address.ts';
import { Access } from '../../src/http/access.ts';
import { servePaymentList } from '../../src/http/payment-list.ts';
import { problem } from '../../src/http/problem.ts';
import { refuse, route } from '../../src/http/route.ts';
import { createApp, listen } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { ask as askKept, contract } from '../contract/kept.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';

const TOKEN = 'a-token-of-the-operator';
const SHAPE = { processorCount: 2, threadCount: 2 };
const T0_MS = Date.UTC(2025, 6, 15, 12);

interface Page {
  readonly payments: readonly { readonly correlationId: string; readonly status: string }[];
  readonly next: string | null;
  readonly instance: { readonly name: string; readonly waiting: number; readonly inDoubt: number };
}

interface World {
  readonly books: MemoryLedger;
  readonly mood: Mood;
  readonly metricsTable: MetricsTable;
  ask(query?: string, init?: RequestInit): Promise<Response>;
  /** The numbers of all payments that a search finds, walked in pages; and how many pages. */
  found(query: string): Promise<readonly [numbers: number[], pages: number]>;
}

async function inWorld(use: (world: World) => Promise<void>, mode: 'token' | 'off' = 'token') {
  const books = new MemoryLedger(['default', 'fallback']);
  const [app, mood] = [createApp(), new Mood()];
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  route(app, '/payments', 'POST', (exchange) => refuse(exchange, problem('queue-full')));
  servePaymentList({
    app,
    guard: new Access({ mode, token: TOKEN }),
    // Of two shards, one is empty.
    ledger: ledgerOf([moody(books, mood), new MemoryLedger(['default', 'fallback'])]),
    instanceId: 'gateway-1',
    ring: new Ring(Ring.allocate(8)),
    metricsTable,
    metrics: metricsTable.thread(1),
  });
  app.any('/*', (response) => void response.end());
  const listened = await listen(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  if (listened.kind === 'failed') throw new Error(listened.reason);
  const { listener } = listened;
  const ask: World['ask'] = (query = '', init = {}) =>
    askKept(`http://${formatAddress(listener.address)}/payments${query}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      ...init,
    });
  const found: World['found'] = async (query) => {
    const numbers: number[] = [];
    let [after, pages]: [string | null, number] = ['', 0];
    while (after !== null) {
      const response = await ask(`?${query}&after=${after}`);
      assert.is(response.status, 200);
      const page = (await response.json()) as Page;
      numbers.push(...page.payments.map(({ correlationId }) => Number(correlationId.slice(-12))));
      [after, pages] = [page.next, pages + 1];
    }
    return [numbers.sort((one, other) => one - other), pages];
  };
  try {
    await use({ books, mood, metricsTable, ask, found });
  } finally {
    listener.close();
    app.close();
  }
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** 1 accepted, 2 dispatched, 3 settled, 4 and 5 rejected; number n was accepted at second n and costs n cents. */
async function fill(books: MemoryLedger): Promise<void> {
  const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 9e12));
  const claims = [1, 2, 3, 4, 5].map((number) => ({
    correlationId: idOf(number),
    amountCents: number,
    acceptedAtMs: T0_MS + 1000 * number,
    processor: number === 1 ? null : number % 2,
    requestedAtMs: number === 1 ? 0 : T0_MS + 1000 * number + 500,
  }));
  await must(books.commit(owner, [], claims));
  const settlements = claims.slice(2).map((claim) => ({
    ...claim,
    processor: claim.processor ?? 0,
    status: claim.amountCents === 3 ? ('settled' as const) : ('rejected' as const),
    reason: claim.amountCents === 3 ? '' : `422 Card ${claim.amountCents} expired`,
  }));
  await must(books.commit(owner, settlements, []));
}

const listing = suite('GET /payments');

listing('finds payments by status, processor, time, amount and reason', () =>
  inWorld(async ({ books, found }) => {
    await fill(books);
    const searches: Readonly<Record<string, number[]>> = {
      '': [1, 2, 3, 4, 5],
      'status=open': [1, 2],
      'status=accepted': [1],
      'status=dispatched': [2],
      'status=settled': [3],
      'status=rejected': [4, 5],
      'processor=default': [2, 4],
      'processor=default&status=rejected': [4],
      'processor=gone': [],
      'from=2025-07-15T12:00:03Z': [3, 4, 5],
      'from=2025-07-15T12:00:03Z&to=2025-07-15T12:00:04.499Z': [3, 4],
      'time=requested&from=2025-07-15T12:00:03Z&to=2025-07-15T12:00:04.499Z': [3],
      'time=requested&to=2025-07-15T13:00:00Z': [2, 3, 4, 5],
      'minAmount=0.04': [4, 5],
      'minAmount=0.02&maxAmount=0.03': [2, 3],
      'reason=card': [4, 5],
      'reason=card%204': [4],
      'status=settled&reason=card': [],
    };
    for (const [query, numbers] of Object.entries(searches)) {
      assert.equal((await found(query))[0], numbers, query);
      assert.equal((await found(`${query}&limit=1`))[0], numbers, `${query}, one a page`);
    }
  }),
);

listing('a page looks at a bounded number of payments, and may be empty', () =>
  inWorld(async ({ books, found, mood }) => {
    const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 9e12));
    const claims = Array.from({ length: 100 }, (_, number) => ({
      correlationId: idOf(number),
      amountCents: 1 + number,
      acceptedAtMs: T0_MS,
      processor: 0,
      requestedAtMs: T0_MS,
    }));
    await must(books.commit(owner, [], claims));
    mood.calls.length = 0;
    const [numbers, pages] = await found('minAmount=1&limit=1');
    assert.equal(numbers, [99]);
    // Eight calls of one payment each; a page ends where it has found one.
    assert.is(pages, Math.ceil(100 / 8) + 1);
    assert.equal((await found('limit=40'))[1], 4, 'the last page is of the other shard');
  }),
);

listing('shows what the instance has that may not be in the books', () =>
  inWorld(async ({ ask, metricsTable }) => {
    metricsTable.thread(0).set('waiting', 7);
    metricsTable.thread(0).addInDoubt(1, 2);
    const page = (await (await ask()).json()) as Page;
    assert.equal(page, {
      payments: [],
      next: null,
      instance: { name: 'gateway-1', waiting: 7, inDoubt: 2 },
    });
  }),
);

listing('says what is wrong with a search', () =>
  inWorld(async ({ ask }) => {
    const cursor = (text: string) => Buffer.from(text).toString('base64url');
    const wrong: Readonly<Record<string, readonly [slug: string, field: string]>> = {
      'status=lost': ['bad-search', 'status'],
      'status=open&status=open': ['bad-search', 'status'],
      'time=settled': ['bad-search', 'time'],
      'from=yesterday': ['bad-window', 'from'],
      'minAmount=1.999': ['bad-search', 'minAmount'],
      'minAmount=-1': ['bad-search', 'minAmount'],
      'minAmount=2&maxAmount=1': ['bad-search', 'minAmount'],
      'maxAmount=much': ['bad-search', 'maxAmount'],
      'limit=0': ['bad-search', 'limit'],
      'limit=501': ['bad-search', 'limit'],
      'limit=1e2': ['bad-search', 'limit'],
      'after=x': ['bad-search', 'after'],
      [`after=${cursor('rejected|')}`]: ['bad-search', 'after'],
      [`after=${cursor('all|99999:1')}`]: ['bad-search', 'after'],
      [`after=${cursor('all|-1')}`]: ['bad-search', 'after'],
      [`reason=${'x'.repeat(201)}`]: ['bad-search', 'reason'],
      'state=open': ['unknown-parameter', 'state'],
    };
    for (const [query, [slug, field]] of Object.entries(wrong)) {
      const response = await ask(`?${query}`);
      const { type, field: named } = (await response.json()) as { type: string; field: string };
      assert.equal([response.status, type, named], [400, `/errors#${slug}`, field], query);
    }
    const beyond = await ask(`?after=${cursor('all|9:1')}`);
    assert.is(beyond.status, 200, 'a place that the books do not have');
  }),
);

listing('answers 503 while the ledger is away, and counts it', () =>
  inWorld(async ({ ask, mood, metricsTable }) => {
    mood.away.add('page');
    assert.is((await ask()).status, 503);
    assert.is((await ask('?status=open')).status, 200);
    assert.is(metricsTable.counted('readFailures'), 1);
  }),
);

listing('is for operators', async () => {
  await inWorld(async ({ ask }) => {
    assert.is((await ask('', { headers: {} })).status, 401);
    assert.is((await ask('', { method: 'HEAD' })).status, 200);
    const other = await ask('', { method: 'DELETE' });
    assert.equal([other.status, other.headers.get('allow')], [405, 'GET, HEAD, POST']);
  });
  await inWorld(async ({ ask }) => {
    assert.is((await ask()).status, 404);
  }, 'off');
});

listing('keeps its contract in every documented answer', () => {
  const elsewhere = ['GET /payments 403 /errors#loopback-only'];
  const documented = contract.documented().filter((name) => name.startsWith('GET /payments '));
  assert.equal(
    documented.filter((name) => !elsewhere.includes(name) && !contract.kept.has(name)),
    [],
  );
});

listing.run();
