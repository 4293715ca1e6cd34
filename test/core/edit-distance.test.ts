import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isOneEditApart } from '../../src/core/edit-distance.ts';

test('one letter inserted, deleted, replaced or swapped, or none', () => {
  for (const [one, other] of [
    ['start', 'starrt'],
    ['start', 'strt'],
    ['start', 'tart'],
    ['start', 'star'],
    ['start', 'stort'],
    ['start', 'satrt'],
    ['start', 'statr'],
    ['start', 'start'],
    ['', 'a'],
  ] as const) {
    assert.ok(isOneEditApart(one, other), `${one} ${other}`);
    assert.ok(isOneEditApart(other, one), `${other} ${one}`);
  }
});

test('more than one edit', () => {
  for (const [one, other] of [
    ['start', 'stra'],
    ['start', 'sttar t'],
    ['start', 'trats'],
    ['start', 'sta'],
    ['start', 'stxrx'],
    ['ab', 'cd'],
  ] as const) {
    assert.not(isOneEditApart(one, other), `${one} ${other}`);
    assert.not(isOneEditApart(other, one), `${other} ${one}`);
  }
});

test.run();
