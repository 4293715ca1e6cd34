import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scatteredId } from '../../../src/ledger/redis/records.ts';
import { shardOf } from '../../../src/ledger/sharded/shard-of.ts';

const COUNT = 16_000;

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

const KINDS: Readonly<Record<string, (number: number) => string>> = {
  random: () => randomUUID(),
  'counting at the end': (number) => `00000000-0000-4000-8000-${hex(number, 12)}`,
  'counting at the beginning': (number) => `${hex(number, 8)}-0000-4000-8000-000000000000`,
  'of a time and a counter': (number) => `0197d2e5-${hex(number >> 8, 4)}-7000-8000-${hex(number % 256, 12)}`,
  'that differ in two places which cancel out in a fold': (number) =>
    `${hex(number, 4)}0000-${hex(number, 4)}-4000-8000-000000000000`,
};

/** Whether these counts look like a fair throw of so many: each within six standard deviations. */
function isFair(counts: readonly number[], thrown: number): boolean {
  const mean = thrown / counts.length;
  return counts.every((count) => Math.abs(count - mean) < 6 * Math.sqrt(mean));
}

function countsOf(positions: readonly number[], length: number): number[] {
  const counts = Array.from({ length }, () => 0);
  for (const position of positions) counts[position] = (counts[position] ?? 0) + 1;
  return counts;
}

for (const [kind, idOf] of Object.entries(KINDS)) {
  const ids = Array.from({ length: COUNT }, (_, number) => idOf(number));

  test(`ids ${kind} spread evenly over the shards`, () => {
    for (const shardCount of [2, 3, 4, 16, 64]) {
      const shards = ids.map((id) => shardOf(id, shardCount));
      assert.ok(isFair(countsOf(shards, shardCount), COUNT), `${countsOf(shards, shardCount)}`);
    }
  });
}

test('the ids of one shard spread evenly over the hashes of its entries in Redis', () => {
  const ids = Array.from({ length: COUNT }, () => randomUUID()).filter((id) => shardOf(id, 16) === 3);
  for (const byte of [0, 1]) {
    const counts = countsOf(
      ids.map((id) => scatteredId(id)[byte] as number),
      256,
    );
    assert.ok(isFair(counts, ids.length), `${counts}`);
  }
});

test('a payment never moves: the shards of some ids, in either case of letters', () => {
  const ids = ['00000000-0000-4000-8000-000000000001', 'b7a8d2f0-3c1e-4f5a-9b6c-0d1e2f3a4b5c'];
  assert.equal(
    ids.map((id) => [1, 4, 16, 64].map((shardCount) => shardOf(id, shardCount))),
    [
      [0, 3, 7, 23],
      [0, 3, 3, 35],
    ],
  );
  for (const id of ids) assert.is(shardOf(id.toUpperCase(), 64), shardOf(id, 64));
});

test.run();
