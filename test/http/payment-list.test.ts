import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contract } from '../contract/kept.ts';
import { must } from '../ledger/samples.ts';
import { idOf } from '../payment-id.ts';
import { fill, inWorld, type Page, T0_MS } from './payment-world.ts';

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

listing('what is held is open, and has no amount until an instance has claimed it', () =>
  inWorld(async ({ books, found, ask }) => {
    await fill(books);
    const action = { what: 'hold', atMs: T0_MS, by: 'ana', why: 'perhaps a fraud' } as const;
    await must(
      books.hold(
        action,
        [1, 9].map((number) => ({ correlationId: idOf(number) })),
      ),
    );
    const searches: Readonly<Record<string, number[]>> = {
      'status=held': [1, 9],
      'status=open': [1, 2, 9],
      'status=accepted': [],
      'status=held&minAmount=0.01': [1],
    };
    for (const [query, numbers] of Object.entries(searches)) {
      assert.equal((await found(query))[0], numbers, query);
      assert.equal((await found(`${query}&limit=1`))[0], numbers, `${query}, one a page`);
    }
    const { payments } = (await (await ask('?status=held')).json()) as Page;
    const shown = { status: 'held', processor: null, requestedAt: null, attempts: 0 };
    assert.equal(payments, [
      { amount: 0.01, correlationId: idOf(1), acceptedAt: '2025-07-15T12:00:01.000Z', ...shown },
      { correlationId: idOf(9), acceptedAt: '2025-07-15T12:00:00.000Z', ...shown },
    ]);
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
    assert.is((await ask('', { headers: { authorization: 'Bearer key-unknown' } })).status, 401);
    assert.is((await ask('', { headers: { authorization: 'Bearer key-to-read' } })).status, 403);
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
