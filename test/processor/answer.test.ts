import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lookUpOutcomeOf, payOutcomeOf } from '../../src/processor/answer.ts';
import type { Contract } from '../../src/processor/contract.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { Response } from '../../src/processor/http1/call.ts';
import type { LookUpOutcome, PayOutcome } from '../../src/processor/processor.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const PAYMENT = { correlationId: ID, amountCents: 1990, requestedAtMs: 0 };

function response(rest: Partial<Response> = {}): Response {
  const plain = { sent: true, status: 200, retryAfter: '', cut: '', isExhausted: false };
  return { ...plain, header: () => '', text: () => '', ...rest };
}

/** The gateway's reading of what a contract says, whatever its type. */
function paid(outcome: unknown, rest?: Partial<Response>): PayOutcome {
  const contract: Contract = { ...rinha(''), readPay: () => outcome as PayOutcome };
  return payOutcomeOf(contract, response(rest), PAYMENT, 0);
}

function found(outcome: unknown, rest?: Partial<Response>): LookUpOutcome {
  const contract: Contract = { ...rinha(''), readFind: () => outcome as LookUpOutcome };
  return lookUpOutcomeOf(contract, response(rest), ID, 0);
}

test('a contract is not asked about what it cannot know', () => {
  const committed = { kind: 'committed' };
  const cut = 'ECONNREFUSED';
  assert.is(paid(committed, { sent: false, status: 0, cut }).kind, 'refused');
  assert.is(paid(committed, { sent: false, status: 0, cut, isExhausted: true }).kind, 'exhausted');
  assert.is(paid(committed, { status: 0, cut: 'closed' }).kind, 'unknown');
  assert.is(found({ kind: 'absent' }, { status: 0, cut: 'closed' }).kind, 'unknown');
});

test('an outcome that no contract may give is unknown', () => {
  for (const wrong of [
    undefined,
    null,
    {},
    { kind: 'exhausted', reason: '' },
    { kind: 'maybe' },
    'committed',
  ]) {
    assert.is(paid(wrong).kind, 'unknown', JSON.stringify(wrong));
  }
  const held = { kind: 'held', amountCents: 1, requestedAtMs: 1 };
  assert.equal(found(held), held);
  for (const wrong of [
    undefined,
    { kind: 'committed' },
    { ...held, amountCents: 0 },
    { ...held, amountCents: -5 },
    { ...held, amountCents: 1.5 },
    { ...held, amountCents: Number.NaN },
    { ...held, amountCents: '1' },
    { ...held, requestedAtMs: Number.NaN },
    { kind: 'held' },
  ]) {
    assert.is(found(wrong).kind, 'unknown', JSON.stringify(wrong));
  }
  assert.match(JSON.stringify(paid({ kind: 'maybe' })), 'is not an outcome of a payment request');
});

test('the reason of a contract becomes one line of at most 200 characters, and an error is a reason', () => {
  const reason = `no\nmoney ${'x'.repeat(1000)}`;
  for (const outcome of [paid({ kind: 'rejected', reason }), found({ kind: 'rejected', reason })]) {
    const said = 'reason' in outcome ? outcome.reason : '';
    assert.ok(said.startsWith('no money xxx'));
    assert.is(said.length, 200);
  }
  assert.is(paid({ kind: 'rejected' }).kind, 'unknown', 'a reason is missing');
});

test.run();
