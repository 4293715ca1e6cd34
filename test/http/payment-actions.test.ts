import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { servePaymentActions } from '../../src/http/payment-actions.ts';
import { createApp } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { ask as askKept } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { operators, TOKEN } from './operator-routes.ts';
import { fill } from './payment-world.ts';
import { serveHere } from './served.ts';

interface World {
  readonly books: MemoryLedger;
  readonly mood: Mood;
  readonly log: KeptLog;
  readonly idempotencyCache: IdempotencyCache;
  ask(init?: RequestInit): Promise<Response>;
  act(order: object): Promise<Response>;
}

async function inWorld(use: (world: World) => Promise<void>) {
  const books = new MemoryLedger(['default', 'fallback'], new MemoryStore());
  const [app, mood, log] = [createApp(), new Mood(), new KeptLog()];
  const ledger = ledgerOf([moody(books, mood)]);
  const idempotencyCache = new IdempotencyCache(IdempotencyCache.allocate(8, new Uint32Array(2)));
  const clock = new ManualClock();
  servePaymentActions(
    { app, ledger, idempotencyCache, instanceId: 'gateway-1', clock, log },
    '/actions',
    operators(),
  );
  const { url, close } = await serveHere(app);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const ask: World['ask'] = (init = {}) => askKept(`${url}/actions`, { headers, ...init });
  const act: World['act'] = (order) => ask({ method: 'POST', body: JSON.stringify(order) });
  try {
    await use({ books, mood, log, idempotencyCache, ask, act });
  } finally {
    close();
    app.close();
  }
}

const ORDER = {
  what: 'send-again',
  payments: [{ correlationId: idOf(4), attempts: 1 }],
  by: 'ana',
  why: 'limits corrected',
};

const CANCEL = {
  what: 'cancel',
  payments: [{ correlationId: idOf(1) }],
  by: 'ana',
  why: 'ordered twice',
};

const HOLD = {
  what: 'hold',
  payments: [{ correlationId: idOf(1) }],
  by: 'ana',
  why: 'perhaps a fraud',
};

const acting = suite('POST /actions, GET /actions');

acting('sends rejected payments again, once, and logs it', () =>
  inWorld(async ({ books, log, ask, act }) => {
    await fill(books);
    const ids = [4, 2, 3, 9].map((number) => ({ correlationId: idOf(number), attempts: 1 }));
    const resultsOf = async () =>
      (
        (await (await act({ ...ORDER, payments: ids })).json()) as { results: { result: string }[] }
      ).results.map(({ result }) => result);
    assert.equal(await resultsOf(), ['reopened', 'not-rejected', 'not-rejected', 'unknown']);
    assert.equal(await resultsOf(), ['not-rejected', 'not-rejected', 'not-rejected', 'unknown']);
    const entry = await must(books.find(idOf(4)));
    assert.equal([entry?.status, entry?.attempts], ['accepted', 1]);
    const owners = await must(books.owners());
    const waits = owners.find(({ owner }) => owner === entry?.owner);
    assert.equal([waits?.name, waits?.leaseUntilMs], ['operator', 0], 'any worker takes it over');
    const { actions } = (await (await ask()).json()) as { actions: { at: string }[] };
    const [{ at, ...action } = { at: '' }] = actions;
    assert.equal([actions.length, Date.parse(at) > 0], [1, true]);
    assert.equal(action, {
      what: 'send-again',
      by: 'ops (ana)',
      why: 'limits corrected',
      payments: [idOf(4)],
    });
    assert.is(log.lines.filter((line) => line === 'warn rejected payments are sent again').length, 1);
  }),
);

acting('the log says which key asked, whatever name the client gives', () =>
  inWorld(async ({ books, ask, act }) => {
    await fill(books);
    const said = ['', 'ops'];
    for (const [index, by] of said.entries())
      assert.is(
        (await act({ ...ORDER, by, payments: [{ correlationId: idOf(4 + index), attempts: 1 }] })).status,
        200,
      );
    const { actions } = (await (await ask()).json()) as { actions: { by: string }[] };
    assert.equal(
      actions.map(({ by }) => by),
      ['ops', 'ops'],
    );
  }),
);

acting('cancels what was not dispatched, and leaves repeated posts of it to the ledger', () =>
  inWorld(async ({ books, log, idempotencyCache, ask, act }) => {
    await fill(books);
    const id = Buffer.alloc(UUID_BYTES);
    writeUuid(idOf(9), id, 0);
    idempotencyCache.reserve(id, 1990, 1);
    idempotencyCache.commit(id);
    const payments = [1, 2, 3, 8].map((number) => ({ correlationId: idOf(number) }));
    const order = { ...CANCEL, payments: [...payments, { correlationId: idOf(9), amount: 19.9 }] };
    const resultsOf = async () =>
      ((await (await act(order)).json()) as { results: { result: string }[] }).results.map(
        ({ result }) => result,
      );
    assert.equal(await resultsOf(), ['cancelled', 'dispatched', 'finished', 'unknown', 'cancelled']);
    assert.equal(await resultsOf(), [
      'cancelled-before',
      'dispatched',
      'finished',
      'unknown',
      'cancelled-before',
    ]);
    assert.is(idempotencyCache.reserve(id, 1990, 2), 'in-ledger');
    const entry = await must(books.find(idOf(9)));
    assert.equal(
      [entry?.status, entry?.amountCents, entry?.reason],
      ['rejected', 1990, 'cancelled by an operator: ordered twice'],
    );
    const { actions } = (await (await ask()).json()) as { actions: { what: string; payments: string[] }[] };
    assert.equal(
      actions.map(({ what, payments }) => [what, payments]),
      [['cancel', [idOf(1), idOf(9)]]],
    );
    assert.is(log.lines.filter((line) => line === 'warn payments are cancelled').length, 1);
  }),
);

acting('holds what was not dispatched, and releases it', () =>
  inWorld(async ({ books, log, ask, act }) => {
    await fill(books);
    const payments = [1, 2, 3, 4, 9].map((number) => ({ correlationId: idOf(number) }));
    const resultsOf = async (what: string) =>
      (
        (await (await act({ ...HOLD, what, payments })).json()) as { results: { result: string }[] }
      ).results.map(({ result }) => result);
    assert.equal(await resultsOf('release'), Array(5).fill('not-held'));
    assert.equal(await resultsOf('hold'), ['held', 'dispatched', 'finished', 'finished', 'awaited']);
    assert.equal(await resultsOf('hold'), [
      'held-before',
      'dispatched',
      'finished',
      'finished',
      'held-before',
    ]);
    assert.equal(await resultsOf('release'), ['released', 'not-held', 'not-held', 'not-held', 'released']);
    const entry = await must(books.find(idOf(1)));
    const waits = (await must(books.owners())).find(({ owner }) => owner === entry?.owner);
    assert.equal([entry?.status, waits?.name, waits?.leaseUntilMs], ['accepted', 'operator', 0]);
    assert.is(await must(books.find(idOf(9))), undefined, 'nothing has come');
    const { actions } = (await (await ask()).json()) as { actions: { what: string; payments: string[] }[] };
    assert.equal(actions.map(({ what, payments: done }) => [what, done]).sort(), [
      ['hold', [idOf(1), idOf(9)]],
      ['release', [idOf(1), idOf(9)]],
    ]);
    const logged = ['warn payments are held', 'warn held payments are released'];
    for (const line of logged) assert.is(log.lines.filter((each) => each === line).length, 1);
  }),
);

acting('refuses it while the books may not know where a payment was sent since', () =>
  inWorld(async ({ books, act }) => {
    await fill(books);
    for (const kind of ['behind', 'unproven', 'filling'] as const) {
      await must(books.setBooksStatus({ kind, sinceMs: 1, detail: 'a copy' }));
      const response = await act(ORDER);
      assert.equal(
        [response.status, ((await response.json()) as { type: string }).type],
        [409, '/errors#books-not-in-use'],
      );
    }
    assert.is((await must(books.find(idOf(4))))?.status, 'rejected');
  }),
);

acting('says what is wrong with an action', () =>
  inWorld(async ({ ask, act, mood }) => {
    const wrong: readonly (readonly [order: object, field: string])[] = [
      [{ ...ORDER, what: 'pause' }, 'what'],
      [{ ...ORDER, what: 'hold' }, 'payments'],
      [{ ...CANCEL, what: 'release', payments: [{ correlationId: idOf(1), amount: 1 }] }, 'payments'],
      [{ ...ORDER, what: 'cancel' }, 'payments'],
      [{ ...CANCEL, payments: [{ correlationId: idOf(1), amount: 0.001 }] }, 'payments'],
      [{ ...CANCEL, payments: [{ correlationId: idOf(1), amount: '1.00' }] }, 'payments'],
      [{ ...ORDER, why: '' }, 'why'],
      [{ ...ORDER, why: 'x'.repeat(171) }, 'why'],
      [{ ...ORDER, by: '\u001b[31m' }, 'by'],
      [{ ...ORDER, payments: [] }, 'payments'],
      [{ ...ORDER, payments: [{ correlationId: 'x', attempts: 1 }] }, 'payments'],
      [{ ...ORDER, payments: [{ correlationId: idOf(1) }] }, 'payments'],
      [{ ...ORDER, payments: Array(101).fill(ORDER.payments[0]) }, 'payments'],
      [{ ...ORDER, reason: 'x' }, 'reason'],
    ];
    for (const [order, field] of wrong) {
      const response = await act(order);
      assert.equal([response.status, ((await response.json()) as { field: string }).field], [422, field]);
    }
    assert.is((await ask({ method: 'POST', body: '[' })).status, 400);
    assert.is((await ask({ method: 'POST', body: `"${'x'.repeat(17_000)}"` })).status, 413);
    assert.is((await ask({ headers: {} })).status, 401);
    assert.is((await ask({ method: 'POST', body: JSON.stringify(ORDER), headers: {} })).status, 401);
    const origin = { authorization: `Bearer ${TOKEN}`, origin: 'http://elsewhere.example' };
    assert.is((await ask({ method: 'POST', body: JSON.stringify(ORDER), headers: origin })).status, 403);
    assert.is((await ask({ method: 'DELETE' })).status, 405);
    const calls = ['booksStatus', 'acquireLease', 'reopen', 'cancel', 'hold', 'release', 'actions'] as const;
    for (const call of calls) {
      mood.away.add(call);
      const order = call === 'hold' || call === 'release' ? { ...HOLD, what: call } : ORDER;
      const asked = call === 'actions' ? ask() : act(call === 'cancel' ? CANCEL : order);
      assert.is((await asked).status, 503, call);
      mood.away.delete(call);
    }
  }),
);

acting('whatever is asked is answered by the contract, and what is refused changes nothing', () =>
  inWorld(async ({ books, act }) => {
    await fill(books);
    const junk = fc.constantFrom(null, 0, -1, 1.5, 1e21, '', 'x', [], {}, true, '\u0000', idOf(2), 19.9);
    const payment = fc.record(
      {
        correlationId: fc.oneof({ weight: 4, arbitrary: fc.constant(idOf(2)) }, junk),
        attempts: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, junk),
        amount: fc.oneof({ weight: 2, arbitrary: fc.constant(0.02) }, junk),
        other: junk,
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    const payments = fc.oneof({ weight: 4, arbitrary: fc.array(payment, { maxLength: 3 }) }, junk);
    const named = [{ correlationId: idOf(2) }];
    const valid = fc.constantFrom(
      { ...ORDER, payments: [{ correlationId: idOf(2), attempts: 1 }] },
      { ...CANCEL, payments: named },
      { ...HOLD, payments: named },
      { ...HOLD, what: 'release', payments: named },
    );
    const drawn = fc.record(
      {
        what: fc.constantFrom('send-again', 'cancel', 'hold', 'release', 'pause', null),
        payments,
        by: fc.oneof(fc.constant('ana'), junk),
        why: fc.oneof({ weight: 4, arbitrary: fc.constant('because') }, junk),
        other: junk,
      },
      { requiredKeys: ['what', 'payments'], noNullPrototype: true },
    );
    const order = fc.oneof({ weight: 1, arbitrary: valid }, { weight: 4, arbitrary: drawn });
    const before = await must(books.find(idOf(2)));
    let answeredCount = 0;
    const property = fc.asyncProperty(order, async (asked) => {
      const { status } = await act(asked);
      if (status === 200) answeredCount++;
      assert.ok(status === 200 || status === 422, `${status}: ${JSON.stringify(asked)}`);
      assert.equal(await must(books.find(idOf(2))), before, 'it is dispatched');
    });
    await fc.assert(property, { numRuns: 150, seed: 17 });
    assert.ok(answeredCount >= 5, `only ${answeredCount} orders were valid`);
    assert.equal(await must(books.actions()), []);
  }),
);

acting.run();
