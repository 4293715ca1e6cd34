import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KINDS, type Kind } from '../../src/certify/situation.ts';
import { SITUATIONS } from '../../src/certify/situations.ts';

/** What processors were seen to do, and what the gateway made of it before it had contracts. */
const SEEN_KINDS: readonly Kind[] = [
  'gave-up',
  'failed-charged',
  'false-duplicate',
  'unfit',
  'unclear',
  'rest',
  'look-up-rest',
  'interim',
  'rejected',
];

test('each kind that was seen in the field has five further situations, and there are over a hundred', () => {
  const counts = Map.groupBy(SITUATIONS, ({ kind }) => kind);
  for (const kind of SEEN_KINDS) assert.ok((counts.get(kind)?.length ?? 0) >= 6, kind);
  assert.equal(new Set(counts.keys()), new Set(Object.keys(KINDS)));
  assert.ok(SITUATIONS.length >= 100);
});

test('each has a name of its own', () => {
  const names = SITUATIONS.map(({ kind, name }) => `${kind}: ${name}`);
  assert.is(new Set(names).size, names.length);
});

test.run();
