import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Options, readOptions } from '../../../bench/rinha/options.ts';
import { final, preview } from '../../../bench/rinha/scenario.ts';
import { type RinhaValues, rinha } from '../../../src/cli/rinha.ts';

rinha.action(() => {});

function values(...args: string[]): RinhaValues {
  return rinha.parse(args, { from: 'user' }).opts();
}

function options(...args: string[]): Options {
  const reading = readOptions(values(...args));
  if (reading.kind !== 'ok') throw new Error(reading.reason);
  return reading.options;
}

function reason(...args: string[]): string {
  const reading = readOptions(values(...args));
  return reading.kind === 'wrong' ? reading.reason : '';
}

test('the default is the preview against a running deployment', () => {
  const { scenario, site, entries, rounds, target, token } = options();
  assert.is(scenario, preview);
  assert.equal([site, entries, rounds], ['given', ['gateway'], 1]);
  assert.is(target, 'http://127.0.0.1:9999');
  assert.is(token, '123');
});

test('scenario, time and rate', () => {
  assert.is(options('--scenario', 'final').scenario, final);
  assert.is(options('--scenario', 'final', '--seconds', '30').scenario.durationMs, 30_000);
  assert.is(options('--rate', '550', '--seconds', '20').scenario.name, 'steady');
});

test('the floor alone, or alternating with the gateway', () => {
  assert.equal(options('--native', '--null').entries, ['floor']);
  const turns = options('--compose', '--compare', 'floor');
  assert.equal([turns.site, turns.entries, turns.rounds], ['compose', ['gateway', 'floor'], 3]);
});

test('other entries of the contest in turns', () => {
  const { entries } = options('--compose', '--compare', 'docker-compose.yml', '--compare', 'floor');
  assert.equal(entries, ['gateway', 'docker-compose.yml', 'floor']);
});

test('invalid options are named', () => {
  assert.throws(
    () => values('--native', '--compose'),
    "option '--native' cannot be used with option '--compose'",
  );
  assert.match(reason('--null'), '--native');
  assert.match(reason('--compare', 'floor'), '--native');
  assert.throws(() => values('--scenario', 'semifinal'), 'preview, final');
  assert.throws(() => values('--seconds', 'soon'), '--seconds');
  assert.throws(() => values('--compare', 'moon'), 'floor');
  assert.throws(() => values('--compare', 'moon/docker-compose.yml'), 'floor');
  assert.match(reason('--native', '--compare', 'docker-compose.yml'), '--compose');
  assert.throws(() => values('--target', 'localhost'), '--target');
  assert.throws(() => values('--fast'), '--fast');
});

test.run();
