import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseInCents, toDecimal } from '../../client/src/cents.ts';

test('amounts become cents, exactly, where a number would round', () => {
  const text =
    '{"default":{"totalRequests":2,"totalAmount":90071992547409.90},"amount":{"totalRequests":0,"totalAmount":0}}';
  assert.is.not(Math.round(90071992547409.9 * 100), 9007199254740990);
  assert.equal(parseInCents(text), {
    default: { totalRequests: 2, totalAmountCents: 9007199254740990 },
    amount: { totalRequests: 0, totalAmountCents: 0 },
  });
});

test('every spelling of the member, and nothing inside of a string', () => {
  assert.equal(parseInCents('{ "amount" : 19.9 , "conflictingAmount": 20\n}'), {
    amountCents: 1990,
    conflictingAmountCents: 2000,
  });
  const reason = 'HTTP 400: {"amount":1.00}';
  assert.equal(parseInCents(JSON.stringify({ reason, attempts: 1.5 })), { reason, attempts: 1.5 });
});

test('what is no amount is not guessed', () => {
  for (const wrong of ['"19.90"', '-1', '1.999', '1e3', '90071992547409.92', 'null']) {
    assert.throws(() => parseInCents(`{"amount":${wrong}}`), /is not an amount/, wrong);
  }
});

test('cents become a decimal, and only whole cents do', () => {
  const spelled = [1, 10, 100, 1990, Number.MAX_SAFE_INTEGER].map(toDecimal);
  assert.equal(spelled, ['0.01', '0.10', '1.00', '19.90', '90071992547409.91']);
  for (const wrong of [0, -1, 19.9, Number.NaN, 2 ** 53]) {
    assert.throws(() => toDecimal(wrong), /whole number of cents above 0/);
  }
});

test.run();
