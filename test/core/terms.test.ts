import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { termsInForce } from '../../src/core/terms.ts';
import { processorTarget } from '../processor-target.ts';

const CONFIGURED = processorTarget({ callsPerSecond: 30, maxAmountCents: 1000 });
const TERMS = {
  feePpm: 50_000,
  feeFixedCents: 0,
  callLimit: 400,
  callsPerSecond: 30,
  minAmountCents: 1,
  maxAmountCents: 1000,
};
const BOUNDS = { poolThreadCount: 1, callsMax: 1024 };

test('what operators have not changed is as configured', () => {
  assert.equal(termsInForce(CONFIGURED, undefined, BOUNDS), TERMS);
  assert.equal(termsInForce(CONFIGURED, { fee: null }, BOUNDS), TERMS);
  assert.equal(termsInForce(CONFIGURED, { fee: null, limits: { minAmountCents: 5 } }, BOUNDS), {
    ...TERMS,
    minAmountCents: 5,
  });
  const fee = { feePpm: 1, feeFixedCents: 2 };
  assert.equal(termsInForce(CONFIGURED, { fee, limits: { callsPerSecond: 3 } }, BOUNDS), {
    ...TERMS,
    ...fee,
    callsPerSecond: 3,
  });
});

test('an instance has no more calls at once than its descriptors allow, and one for each pool thread', () => {
  const callLimits = [1, 2, 300, 301, 1024].map(
    (callLimit) =>
      termsInForce(CONFIGURED, { fee: null, limits: { callLimit } }, { poolThreadCount: 2, callsMax: 300 })
        .callLimit,
  );
  assert.equal(callLimits, [2, 2, 300, 300, 300]);
});

test.run();
