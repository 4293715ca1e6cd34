import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nearest } from '../../src/cli/nearest.ts';

const WORDS = ['start', 'gateway', 'processor', 'sim', 'chaos', 'doctor'];

test('a letter too many, too few, another, or two swapped', () => {
  for (const [typed, meant] of [
    ['starrt', 'start'],
    ['strt', 'start'],
    ['stort', 'start'],
    ['satrt', 'start'],
    ['sin', 'sim'],
    ['gatway', 'gateway'],
    ['procesor', 'processor'],
  ] as const) {
    assert.is(nearest(typed, WORDS), meant);
  }
});

test('the beginning of one word', () => {
  assert.is(nearest('proc', WORDS), 'processor');
  assert.is(nearest('do', WORDS), 'doctor');
});

test('nothing, when nothing is near', () => {
  for (const typed of ['', 's', 'xyz', 'banana', 'audit']) assert.is(nearest(typed, WORDS), undefined);
});

test.run();
