import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TokenBucket } from '../../src/http/token-bucket.ts';

test('lets a burst pass, then one for each token that comes back', () => {
  const bucket = new TokenBucket({ perSecond: 4, burst: 3 }, 0);
  assert.equal(
    [0, 0, 0, 0].map((nowMs) => bucket.take(nowMs)),
    [0, 0, 0, 250],
  );
  assert.equal(
    [100, 249, 250, 250, 10_000].map((nowMs) => bucket.take(nowMs)),
    [150, 1, 0, 250, 0],
  );
});

test('a charge may leave it in debt, which later requests wait for', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
  assert.is(bucket.take(0), 0);
  bucket.charge(24);
  assert.is(bucket.take(0), 2100);
  assert.is(bucket.take(2100), 0);
});

test('whatever the times, no more pass than the burst and the rate allow, and who waits as told passes', () => {
  const limit = fc.record({
    perSecond: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 1000 })),
    burst: fc.integer({ min: 1, max: 50 }),
  });
  let waitedCount = 0;
  fc.assert(
    fc.property(limit, fc.array(fc.oneof(fc.nat(500), fc.nat(5)), { maxLength: 200 }), (rate, pausesMs) => {
      const bucket = new TokenBucket(rate, 0);
      let [nowMs, passed, waitMs] = [0, 0, 0];
      for (const pauseMs of pausesMs) {
        nowMs += pauseMs;
        waitMs = bucket.take(nowMs);
        if (waitMs === 0) passed++;
      }
      assert.ok(passed <= rate.burst + (nowMs / 1000) * rate.perSecond + 1e-6);
      if (waitMs === 0) return;
      waitedCount++;
      assert.is(bucket.take(nowMs + waitMs), 0);
    }),
    { seed: 2025 },
  );
  assert.ok(waitedCount >= 5, `only ${waitedCount} had to wait`);
});

test.run();
