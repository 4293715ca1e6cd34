import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBackendSummary, parseSummary, windowQuery } from '../../../bench/rinha/summary.ts';

test('amounts are read as whole cents', () => {
  const body = '{"totalRequests":3,"totalAmount":60.15,"totalFee":3.0075,"feePerTransaction":0.05}';
  assert.equal(parseSummary(body), { count: 3, amountCents: 6_015, fee: 0.05 });
});

test('a backend summary covers both processors', () => {
  const body =
    '{"default":{"totalRequests":1,"totalAmount":19.9},"fallback":{"totalRequests":0,"totalAmount":0}}';
  assert.equal(parseBackendSummary(body), {
    default: { count: 1, amountCents: 1_990 },
    fallback: { count: 0, amountCents: 0 },
  });
});

test('an invalid summary is not read as zeros', () => {
  assert.throws(() => parseBackendSummary('{"default":{"totalRequests":1,"totalAmount":19.9}}'));
  assert.throws(() => parseSummary('{"totalRequests":1,"totalAmount":1}'));
});

test('a window is written in UTC with milliseconds', () => {
  assert.is(windowQuery(0, 1_500), '?from=1970-01-01T00:00:00.000Z&to=1970-01-01T00:00:01.500Z');
});

test.run();
