import assert from 'node:assert/strict';
import { SLOTS, slotOf } from './hash-slot.ts';

/** The tag of the only shard, and of shard 0 of several: whatever their number, this is where books are found. */
const FIRST_TAG = 'dinossauro';

/** Slots are evenly spaced to one part in so many. */
const NEARNESS = 16;

/**
 * The hash tag of each shard. Their slots are evenly spaced, so that masters with equal ranges of slots get equally many
 * shards, give or take one. All tags but the first differ between numbers of shards, so that two of them share no key.
 *
 * The books depend on it: with other tags, shards would not be found.
 */
export function hashTags(shardCount: number): readonly string[] {
  const spacing = SLOTS / shardCount;
  assert(shardCount >= 1 && spacing >= NEARNESS, 'too many shards to space them evenly');
  return Array.from({ length: shardCount }, (_, shard) => {
    const wanted = slotOf(FIRST_TAG) + shard * spacing;
    return shard === 0 ? FIRST_TAG : tagNear(wanted, spacing, `${FIRST_TAG}-${shardCount}-${shard}`);
  });
}

/** What the keys of each shard begin with. */
export function shardRoots(shardCount: number): readonly string[] {
  return hashTags(shardCount).map((tag) => `{${tag}}:`);
}

/** The first tag with this beginning whose slot is near the wanted one: an exact one would take thousands of attempts. */
function tagNear(wanted: number, spacing: number, beginning: string): string {
  for (let attempt = 0; ; attempt++) {
    const tag = `${beginning}-${attempt}`;
    const ahead = (slotOf(tag) - wanted + 2 * SLOTS) % SLOTS;
    if (Math.min(ahead, SLOTS - ahead) <= spacing / NEARNESS) return tag;
  }
}
