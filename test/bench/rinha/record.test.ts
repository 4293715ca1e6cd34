import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Record } from '../../../bench/rinha/record.ts';

test('latencies count successful answers after the warm-up', () => {
  let nowMs = 999;
  const record = new Record(() => nowMs, 1_000);
  record.answered(202, 500);
  nowMs = 1_000;
  for (const status of [0, 404, 429, 503]) record.answered(status, 500);
  record.answered(202, 1);
  record.answered(200, 3);
  assert.equal(record.latencies(), { count: 2, p50Ms: 2, p99Ms: 2.98, maxMs: 3 });
});

test('a second has its own counts and the payments settled by its end', () => {
  let nowMs = 0;
  const record = new Record(() => nowMs, 0);
  record.userCame();
  record.posted(10, 202);
  record.answered(202, 4);
  record.posted(20, 503);
  record.observed({ default: 1, fallback: 0 });
  nowMs = 1_000;
  record.tick();
  record.posted(1_500, 202);
  nowMs = 2_000;
  record.tick();
  const [first, second] = record.seconds;
  const settled = { default: 1, fallback: 0 };
  assert.equal(first, { atMs: 1_000, users: 1, accepted: 1, failed: 1, p99Ms: 4, settled, backlog: 0 });
  assert.is(second?.accepted, 1);
  assert.is(second?.backlog, 1);
  assert.ok(Number.isNaN(second?.p99Ms));
  assert.equal(record.acceptedAtMs, [10, 1_500]);
  assert.is(record.failedCount, 1);
});

test.run();
