import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress } from '../../src/core/address.ts';
import { Access } from '../../src/http/access.ts';
import { servePaymentActions } from '../../src/http/payment-actions.ts';
import { createApp, listen } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { ask as askKept } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { fill, idOf, TOKEN } from './payment-world.ts';

interface World {
  readonly books: MemoryLedger;
  readonly mood: Mood;
  readonly log: KeptLog;
  ask(init?: RequestInit): Promise<Response>;
  act(order: object): Promise<Response>;
}

async function inWorld(use: (world: World) => Promise<void>) {
  const books = new MemoryLedger(['default', 'fallback'], new MemoryStore());
  const [app, mood, log] = [createApp(), new Mood(), new KeptLog()];
  const ledger = ledgerOf([moody(books, mood)]);
  const guard = new Access({
    mode: 'token',
    keyring: keyringOf([{ ...apiKey(TOKEN, ['operate']), name: 'ops' }]),
    scope: 'operate',
  });
  servePaymentActions({ app, guard, ledger, instanceId: 'gateway-1', clock: new ManualClock(), log });
  const listened = await listen(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  if (listened.kind === 'failed') throw new Error(listened.reason);
  const { listener } = listened;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const ask: World['ask'] = (init = {}) =>
    askKept(`http://${formatAddress(listener.address)}/actions`, { headers, ...init });
  const act: World['act'] = (order) => ask({ method: 'POST', body: JSON.stringify(order) });
  try {
    await use({ books, mood, log, ask, act });
  } finally {
    listener.close();
    app.close();
  }
}

const ORDER = {
  what: 'send-again',
  payments: [{ correlationId: idOf(4), attempts: 1 }],
  who: 'ana',
  why: 'limits corrected',
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
      who: 'ops (ana)',
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
    for (const [index, who] of said.entries())
      assert.is(
        (await act({ ...ORDER, who, payments: [{ correlationId: idOf(4 + index), attempts: 1 }] })).status,
        200,
      );
    const { actions } = (await (await ask()).json()) as { actions: { who: string }[] };
    assert.equal(
      actions.map(({ who }) => who),
      ['ops', 'ops'],
    );
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
      [{ ...ORDER, what: 'cancel' }, 'what'],
      [{ ...ORDER, why: '' }, 'why'],
      [{ ...ORDER, why: 'x'.repeat(201) }, 'why'],
      [{ ...ORDER, who: '\u001b[31m' }, 'who'],
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
    for (const call of ['booksStatus', 'acquireLease', 'reopen', 'actions'] as const) {
      mood.away.add(call);
      assert.is((call === 'actions' ? await ask() : await act(ORDER)).status, 503, call);
      mood.away.delete(call);
    }
  }),
);

acting.run();
