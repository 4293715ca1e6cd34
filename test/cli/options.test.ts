import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flag, type OptionsReading, oneOf, origin, readOptions, text, whole } from '../../src/cli/options.ts';

const OPTIONS = {
  count: whole('how many', 1, 7),
  limit: whole('at most', 0),
  loud: flag('say more'),
  side: oneOf(['left', 'right'], 'which', undefined),
  file: text('FILE', 'where to', 'out.txt'),
  at: origin('where', 'http://127.0.0.1:9999'),
  word: { ...text('TEXT', 'words'), fallback: [], isList: true, parse: (given: string) => [given] },
};

function read(...args: string[]): OptionsReading<typeof OPTIONS> {
  return readOptions(OPTIONS, args, 1);
}

function reason(...args: string[]): string {
  const reading = read(...args);
  return reading.kind === 'wrong' ? reading.reason : '';
}

test('nothing given: what each falls back to', () => {
  assert.equal(read(), {
    kind: 'ok',
    values: {
      count: 7,
      limit: undefined,
      loud: false,
      side: undefined,
      file: 'out.txt',
      at: 'http://127.0.0.1:9999',
      word: [],
    },
    rest: [],
  });
});

test('values beside or after `=`, the last one counts, lists gather, and one word is left', () => {
  const reading = read(
    ...['--count', '3', 'ring', '--count=4', '--loud', '--side=left', '--file', '', '--limit=0'],
    ...['--word', 'a', '--word=b', '--at', 'https://books.example:444/'],
  );
  assert.equal(reading, {
    kind: 'ok',
    values: {
      count: 4,
      limit: 0,
      loud: true,
      side: 'left',
      file: '',
      at: 'https://books.example:444',
      word: ['a', 'b'],
    },
    rest: ['ring'],
  });
});

test('what is wrong is said in one line', () => {
  assert.is(reason('--cuont', '3'), "unknown option '--cuont': did you mean '--count'?");
  assert.is(reason('--hlep'), "unknown option '--hlep': did you mean '--help'?");
  assert.is(reason('--elephant'), "unknown option '--elephant'");
  assert.is(reason('-c'), "unknown option '-c'");
  assert.is(reason('--count'), '--count needs a value: a whole number from 1 to 999999999');
  assert.is(reason('--loud=yes'), '--loud takes no value');
  assert.is(reason('--side', 'up'), "--side 'up' is wrong: allowed is left, right");
  for (const given of ['0', '1.5', '1e3', '-1', 'x', '', '9999999999']) {
    assert.match(reason(`--count=${given}`), `--count '${given}' is wrong: allowed is a whole number`);
  }
  for (const given of ['localhost', 'ftp://a', 'http://a/b', 'http://a?b', 'http://']) {
    assert.match(reason('--at', given), '--at');
  }
  assert.is(reason('one', 'two'), "'two' is one word too many");
});

test('a command without options takes its settings from the environment, and says so', () => {
  const reading = readOptions({}, ['--port', '80'], 0);
  assert.equal(reading, {
    kind: 'wrong',
    reason: "unknown option '--port': settings come from the environment",
  });
});

test.run();
