import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Options, parseOptions } from '../../../bench/rinha/options.ts';
import { final, preview } from '../../../bench/rinha/scenario.ts';

function options(...args: string[]): Options {
  const parsed = parseOptions(args);
  if (parsed.kind !== 'options') throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

function reason(...args: string[]): string {
  const parsed = parseOptions(args);
  return parsed.kind === 'wrong' ? parsed.reason : '';
}

test('without options it is the preview against what runs here already', () => {
  const { scenario, site, kinds, rounds, target, token } = options();
  assert.is(scenario, preview);
  assert.equal([site, kinds, rounds], ['given', ['gateway'], 1]);
  assert.is(target, 'http://127.0.0.1:9999');
  assert.is(token, '123');
});

test('scenario, time and rate', () => {
  assert.is(options('--scenario', 'final').scenario, final);
  assert.is(options('--scenario', 'final', '--seconds', '30').scenario.durationMs, 30_000);
  assert.is(options('--rate', '550', '--seconds', '20').scenario.name, 'steady');
});

test('the floor alone, or in turns with the gateway', () => {
  assert.equal(options('--native', '--null').kinds, ['floor']);
  const turns = options('--compose', '--compare', 'floor');
  assert.equal([turns.site, turns.kinds, turns.rounds], ['compose', ['gateway', 'floor'], 3]);
});

test('what makes no sense is named', () => {
  assert.match(reason('--scenario', 'semifinal'), 'preview');
  assert.match(reason('--seconds', 'soon'), '--seconds');
  assert.match(reason('--native', '--compose'), 'not both');
  assert.match(reason('--null'), '--native');
  assert.match(reason('--compare', 'moon', '--native'), 'floor');
  assert.match(reason('--target', 'localhost'), '--target');
  assert.match(reason('--fast'), '--fast');
  assert.is(parseOptions(['--help']).kind, 'help');
});

test.run();
