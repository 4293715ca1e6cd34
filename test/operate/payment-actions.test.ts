import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cancelPayments, holdPayments, listActions, sendAgain } from '../../src/operate/payment-actions.ts';
import { idOf } from '../payment-id.ts';
import { print, withGateway } from './scripted-gateway.ts';

const SAID = { by: 'ana', why: 'limits corrected', token: 'secret', json: false };
const rejected = (number: number, attempts = 1) => ({ correlationId: idOf(number), attempts });
const results = (...pairs: readonly (readonly [number, string])[]) => ({
  results: pairs.map(([number, result]) => ({ correlationId: idOf(number), result })),
});
const byIds = (...numbers: readonly number[]) => ({ kind: 'ids' as const, ids: numbers.map(idOf) });

test('sends payments again by their ids, as often as each was sent when it was looked up', async () => {
  const answers = [
    [200, rejected(1, 2)],
    [200, rejected(2, 0)],
    [200, results([1, 'reopened'], [2, 'not-rejected'])],
  ] as const;
  const { code, asked, out, err } = await withGateway(answers, (url) =>
    sendAgain({ url, ...SAID, chosen: byIds(1, 2) }, print),
  );
  assert.equal([code, err], [1, []], 'one of them will not be sent');
  assert.equal(
    asked.map(({ line }) => line),
    [`GET /payments/${idOf(1)}`, `GET /payments/${idOf(2)}`, 'POST /actions'],
  );
  assert.equal(JSON.parse(asked[2]?.body ?? ''), {
    what: 'send-again',
    payments: [rejected(1, 2), rejected(2, 1)],
    by: 'ana',
    why: 'limits corrected',
  });
  assert.equal(out.join('\n').split('\n'), [
    'PAYMENT                               RESULT',
    `${idOf(1)}  will be sent again`,
    `${idOf(2)}  is not rejected: it is open, or settled`,
    'done: 1 of 2',
  ]);
});

test('sends all of a reason again, a hundred with each request', async () => {
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  const page = (from: number, to: number, next: string | null) =>
    [200, { payments: numbers(from, to).map((number) => rejected(number)), next }] as const;
  const sent = (from: number, to: number) =>
    [200, results(...numbers(from, to).map((number) => [number, 'reopened'] as const))] as const;
  const { code, asked, out } = await withGateway(
    [page(0, 100, 'abc'), page(100, 130, null), sent(0, 100), sent(100, 130)],
    (url) => sendAgain({ url, ...SAID, chosen: { kind: 'reason', reason: 'limit & more' } }, print),
  );
  assert.is(code, 0);
  assert.equal(
    asked.map(({ line }) => line),
    [
      'GET /payments?status=rejected&reason=limit+%26+more&limit=500',
      'GET /payments?status=rejected&reason=limit+%26+more&limit=500&after=abc',
      'POST /actions',
      'POST /actions',
    ],
  );
  assert.match(out.join('\n'), 'done: 130 of 130');
});

test('nothing is sent if an id is wrong, and what was sent before a failure is shown', async () => {
  const problem = { type: '/errors#no-such-payment', detail: 'No payment.' };
  const unknown = await withGateway(
    [
      [200, rejected(1)],
      [404, problem],
    ],
    (url) => sendAgain({ url, ...SAID, chosen: byIds(1, 2) }, print),
  );
  assert.equal([unknown.code, unknown.asked.length], [1, 2]);
  assert.match(unknown.err[0] ?? '', `answered 404: No payment. No payment was sent again.`);
  const [all, first] = [Array.from({ length: 101 }, (_, number) => rejected(number)), rejected(0)];
  const away = { type: '/errors#ledger-unavailable', detail: 'Away.' };
  const broken = await withGateway(
    [
      [200, { payments: all, next: null }],
      [200, results([0, 'reopened'])],
      [503, away],
    ],
    (url) => sendAgain({ url, ...SAID, json: true, chosen: { kind: 'reason', reason: 'x' } }, print),
  );
  assert.is(broken.code, 1);
  assert.equal(JSON.parse(broken.out.join('')), [{ correlationId: first.correlationId, result: 'reopened' }]);
  assert.match(broken.err[0] ?? '', 'answered 503: Away.');
});

test('cancels payments, and says which it cannot', async () => {
  const { code, asked, out } = await withGateway(
    [[200, results([1, 'cancelled'], [2, 'dispatched'])]],
    (url) => cancelPayments({ url, ...SAID, ids: [1, 2].map(idOf), amount: 19.9 }, print),
  );
  assert.is(code, 1);
  assert.equal(JSON.parse(asked[0]?.body ?? ''), {
    what: 'cancel',
    payments: [1, 2].map((number) => ({ correlationId: idOf(number), amount: 19.9 })),
    by: 'ana',
    why: 'limits corrected',
  });
  assert.equal(out.join('\n').split('\n').slice(1), [
    `${idOf(1)}  is cancelled`,
    `${idOf(2)}  has been sent, and may be charged`,
    'done: 1 of 2',
  ]);
});

test('holds payments, and releases them', async () => {
  const said = { ...SAID, why: 'perhaps a fraud' };
  const held = await withGateway([[200, results([1, 'held'], [2, 'awaited'])]], (url) =>
    holdPayments('hold', { url, ...said, ids: [1, 2].map(idOf) }, print),
  );
  assert.is(held.code, 0);
  assert.equal(JSON.parse(held.asked[0]?.body ?? ''), {
    what: 'hold',
    payments: [1, 2].map((number) => ({ correlationId: idOf(number) })),
    by: 'ana',
    why: 'perhaps a fraud',
  });
  assert.equal(held.out.join('\n').split('\n').slice(1), [
    `${idOf(1)}  is held`,
    `${idOf(2)}  is not in the books yet: it is held as soon as an instance has claimed it`,
    'done: 2 of 2',
  ]);
  const released = await withGateway([[200, results([1, 'released'], [2, 'not-held'])]], (url) =>
    holdPayments('release', { url, ...said, ids: [1, 2].map(idOf) }, print),
  );
  assert.is(released.code, 1);
  assert.equal(released.out.join('\n').split('\n').slice(1), [
    `${idOf(1)}  is released`,
    `${idOf(2)}  is not held`,
    'done: 1 of 2',
  ]);
});

test('lists what operators have done', async () => {
  const action = {
    at: '2025-07-15T12:34:56.000Z',
    what: 'send-again',
    by: 'ops (ana)',
    why: 'fixed\u001b[2J',
  };
  const actions = [
    { ...action, payments: [idOf(1)] },
    { ...action, payments: [idOf(2), idOf(3)] },
  ];
  const { code, asked, out } = await withGateway([[200, { actions }]], (url) =>
    listActions({ url, token: '', json: false }, print),
  );
  assert.equal([code, asked[0]?.line], [0, 'GET /actions']);
  assert.equal(out.join('\n').split('\n'), [
    'AT                        WHAT        BY         PAYMENTS                              WHY',
    `2025-07-15T12:34:56.000Z  send-again  ops (ana)  ${idOf(1)}  fixed?[2J`,
    '2025-07-15T12:34:56.000Z  send-again  ops (ana)  2 payments                            fixed?[2J',
  ]);
  const json = await withGateway([[200, { actions }]], (url) =>
    listActions({ url, token: '', json: true }, print),
  );
  assert.equal(JSON.parse(json.out.join('')), actions);
});

test.run();
