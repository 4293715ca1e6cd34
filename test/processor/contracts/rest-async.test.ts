import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { restAsync } from '../../../src/processor/contracts/rest-async.ts';
import { answer, found, ID, paid } from './answers.ts';

const open = (options: Record<string, unknown> = {}) => restAsync({ options, authorization: '' });
const CONTRACT = open();
const told = (status: unknown, more: object = {}) => ({ correlationId: ID, amount: 19.9, status, ...more });

test('an answer to the payment counts by its state, and 202 alone is pending', () => {
  assert.equal(paid(CONTRACT, answer(202, '', { type: '' })), { kind: 'pending' });
  assert.equal(paid(CONTRACT, answer(202, { id: 'ours' })), { kind: 'pending' });
  for (const status of [200, 201, 202]) {
    assert.equal(paid(CONTRACT, answer(status, told('pending'))), { kind: 'pending' });
    assert.equal(paid(CONTRACT, answer(status, told('succeeded'))), { kind: 'committed' });
    assert.equal(paid(CONTRACT, answer(status, told('failed', { reason: 'card\r\ndeclined' }))), {
      kind: 'rejected',
      reason: 'card declined',
    });
    assert.is(paid(CONTRACT, answer(status, told('frozen'))).kind, 'unknown');
    assert.is(paid(CONTRACT, answer(status, told(7))).kind, 'unknown');
    assert.is(paid(CONTRACT, answer(status, told('succeeded', { amount: 5 }))).kind, 'unknown');
    assert.is(paid(CONTRACT, answer(status, told('failed'), { cut: 'closed' })).kind, 'unknown');
  }
  assert.is(paid(CONTRACT, answer(200)).kind, 'unknown', 'without a state');
  assert.is(paid(CONTRACT, answer(202, '<html>', { type: 'text/html' })).kind, 'unknown');
  assert.is(paid(CONTRACT, answer(503)).kind, 'unknown');
});

test('a look-up tells the state', () => {
  assert.equal(found(CONTRACT, answer(200, told('succeeded'))), {
    kind: 'held',
    amountCents: 1990,
    requestedAtMs: null,
  });
  assert.equal(found(CONTRACT, answer(200, told('pending'))), { kind: 'pending' });
  assert.equal(found(CONTRACT, answer(200, told('failed', { reason: 'x'.repeat(1000) }))), {
    kind: 'rejected',
    reason: 'x'.repeat(200),
  });
  assert.match(JSON.stringify(found(CONTRACT, answer(200, told('failed', { reason: {} })))), 'HTTP 200: ');
  assert.equal(found(CONTRACT, answer(404)), { kind: 'absent' });
  for (const state of [undefined, '', 'SUCCEEDED', null, ['succeeded']]) {
    assert.is(found(CONTRACT, answer(200, told(state))).kind, 'unknown', String(state));
  }
  assert.is(found(CONTRACT, answer(200, told('failed', { correlationId: 'other' }))).kind, 'unknown');
  assert.is(found(CONTRACT, answer(404, '<html>', { type: 'text/html' })).kind, 'unknown');
});

test('the names of states and fields are options', () => {
  const contract = open({
    stateField: 'state',
    reasonField: 'why',
    pendingStates: ['queued', 'authorized'],
    succeededStates: ['captured'],
    failedStates: ['voided', 'declined'],
    callbackIdField: 'reference',
  });
  const of = (state: string) => found(contract, answer(200, { correlationId: ID, state, why: 'late' }));
  assert.equal(
    ['queued', 'authorized', 'captured', 'voided', 'declined', 'pending'].map((state) => of(state).kind),
    ['pending', 'pending', 'held', 'rejected', 'rejected', 'unknown'],
  );
  assert.equal(of('voided'), { kind: 'rejected', reason: 'late' });
  assert.is(contract.readCallback?.(JSON.stringify({ reference: ID.toUpperCase(), state: 'captured' })), ID);
  assert.is(contract.readCallback?.(JSON.stringify({ correlationId: ID })), null);
});

test('a callback names a payment by its id, whatever state it claims', () => {
  assert.is(CONTRACT.readCallback?.(JSON.stringify(told('succeeded'))), ID);
  for (const body of ['', 'moo', '[]', 'null', '{}', '{"correlationId":7}', '{"correlationId":"x"}']) {
    assert.is(CONTRACT.readCallback?.(body), null, body);
  }
});

test('an invalid list of states is refused in one line that names it', () => {
  for (const value of [[], [''], [7], 'pending', {}]) {
    assert.throws(
      () => open({ pendingStates: value }),
      /^option pendingStates of the contract rest-async is /,
    );
  }
  assert.throws(
    () => open({ failedStates: ['pending'] }),
    /option failedStates .* each state in one list, not pending in two$/,
  );
  assert.throws(
    () => open({ amountFormat: 'pounds' }),
    /option amountFormat of the contract rest-async is pounds; expected `decimal`, `string` or `cents`/,
  );
});

test.run();
