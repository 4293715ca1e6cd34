import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SLOTS, slotOf } from '../../../src/ledger/redis/hash-slot.ts';
import { hashTags } from '../../../src/ledger/redis/hash-tags.ts';

/** How many shards each of so many masters gets, if their ranges of slots are equal. */
function spread(tags: readonly string[], masterCount: number): number[] {
  const counts = Array.from({ length: masterCount }, () => 0);
  for (const tag of tags) {
    const master = Math.floor((slotOf(`{${tag}}:meta`) * masterCount) / SLOTS);
    counts[master] = (counts[master] ?? 0) + 1;
  }
  return counts;
}

test('shard 0 is where the books of one shard are, whatever the number of shards', () => {
  assert.equal(hashTags(1), ['dinossauro']);
  for (const shardCount of [2, 3, 16, 64]) assert.is(hashTags(shardCount)[0], 'dinossauro');
});

test('masters with equal ranges of slots get equally many shards, give or take one', () => {
  for (const shardCount of [1, 2, 3, 4, 6, 16, 24, 64]) {
    const tags = hashTags(shardCount);
    assert.is(tags.length, shardCount);
    for (const masterCount of [1, 2, 3, 4, 5, 6, 8, 12, 16]) {
      const counts = spread(tags, masterCount);
      assert.ok(
        Math.max(...counts) - Math.min(...counts) <= 1,
        `${shardCount} shards on ${masterCount} masters: ${counts}`,
      );
    }
  }
});

test('two numbers of shards share no other tag, so books of one number never look like books of another', () => {
  const all = [2, 3, 4, 8, 16, 32, 64].flatMap((shardCount) => hashTags(shardCount).slice(1));
  assert.is(new Set(all).size, all.length);
});

test('tags never change: the books of running deployments are found by them', () => {
  assert.equal(hashTags(4), ['dinossauro', 'dinossauro-4-1-61', 'dinossauro-4-2-120', 'dinossauro-4-3-21']);
});

test('more shards than can be spaced evenly are refused', () => {
  assert.throws(() => hashTags(SLOTS));
  assert.throws(() => hashTags(0));
});

test.run();
