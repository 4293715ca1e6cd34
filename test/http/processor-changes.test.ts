import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readChange } from '../../src/http/processor-changes.ts';

const BOUNDS = {
  callLimit: 1024,
  callsPerSecond: 100_000,
  minAmountCents: Number.MAX_SAFE_INTEGER,
  maxAmountCents: Number.MAX_SAFE_INTEGER,
};

test('whatever a client sends is refused with a reason, or a change within the bounds', () => {
  const anything = fc.oneof(
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.double() },
    { weight: 4, arbitrary: fc.integer({ min: -5, max: 200_000 }) },
  );
  const limits = fc.record(
    { callsAtOnce: anything, callsPerSecond: anything, minAmount: anything, maxAmount: anything },
    { requiredKeys: [] },
  );
  let [limitCount, refusedCount] = [0, 0];
  fc.assert(
    fc.property(
      fc.oneof(fc.jsonValue(), fc.record({ limits: fc.oneof({ weight: 4, arbitrary: limits }, anything) })),
      (body) => {
        const reading = readChange(Buffer.from(JSON.stringify(body)));
        if (reading.kind === 'refused') {
          assert.match(reading.problem.status, /^4/);
          refusedCount++;
          return;
        }
        for (const [name, limit] of Object.entries(reading.change.limits ?? {})) {
          if (limit === null) continue;
          limitCount++;
          assert.ok(Number.isSafeInteger(limit) && limit >= 1, `${name} is ${limit}`);
          assert.ok(limit <= BOUNDS[name as keyof typeof BOUNDS], `${name} is ${limit}`);
        }
      },
    ),
    { seed: 2025, numRuns: 1000 },
  );
  assert.ok(limitCount >= 50, `only ${limitCount} limits were valid`);
  assert.ok(refusedCount >= 50, `only ${refusedCount} bodies were refused`);
});

test('amounts of whole cents are read as they are, up to the greatest there is', () => {
  const cents = fc.oneof(
    fc.integer({ min: 1, max: 10_000_000_000 }),
    fc.constantFrom(1, 1990, 2 ** 40, Number.MAX_SAFE_INTEGER),
  );
  fc.assert(
    fc.property(cents, (maxAmountCents) => {
      const body = `{"limits":{"maxAmount":${Math.floor(maxAmountCents / 100)}.${String(maxAmountCents % 100).padStart(2, '0')}}}`;
      const reading = readChange(Buffer.from(body));
      assert.equal(reading.kind === 'ok' && reading.change.limits, { maxAmountCents });
    }),
  );
});

test.run();
