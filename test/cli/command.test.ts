import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checked, command, Misuse, option, origin, whole } from '../../src/cli/command.ts';

function made() {
  return command('made')
    .argument('[text]', 'a text')
    .option('--count <n>', 'how many', whole(1, 100), 7)
    .option('--limit <n>', 'at most', whole(0))
    .option('--loud', 'say more')
    .addOption(option('--side <side>', 'which').choices(['left', 'right']).conflicts('loud'))
    .option('--at <url>', 'where', origin, 'http://127.0.0.1:9999')
    .option(
      '--even <n>',
      'even',
      checked((text) => (Number(text) % 2 === 0 ? null : 'Expected an even number.')),
    )
    .action(() => {});
}

function read(...args: string[]) {
  return made().parse(args, { from: 'user' });
}

function misuse(...args: string[]): string {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof Misuse) return error.message.replace(/ \(see \S+ --help\)$/, '');
    throw error;
  }
  return '';
}

test('options have defaults', () => {
  assert.equal(read().opts(), { count: 7, at: 'http://127.0.0.1:9999' });
});

test('values follow a space or `=`, the last one counts, and an argument is left', () => {
  const parsed = read(
    'ring',
    '--count',
    '3',
    '--count=4',
    '--side=left',
    '--limit=0',
    '--at',
    'https://a.example:444/',
  );
  assert.equal(parsed.opts(), {
    count: 4,
    side: 'left',
    limit: 0,
    at: 'https://a.example:444',
  });
  assert.equal(parsed.args, ['ring']);
});

test('a usage error is one line that says what is wrong and what was expected', () => {
  assert.is(misuse('--cuont', '3'), "unknown option '--cuont'; did you mean --count?");
  assert.is(misuse('--hlep'), "unknown option '--hlep'; did you mean --help?");
  assert.is(misuse('--elephant'), "unknown option '--elephant'");
  assert.is(misuse('-c'), "unknown option '-c'");
  assert.is(misuse('--count'), "option '--count <n>' argument missing");
  assert.match(misuse('--loud=yes'), "unknown option '--loud=yes'");
  assert.is(
    misuse('--side', 'up'),
    "option '--side <side>' argument 'up' is invalid. Allowed choices are left, right.",
  );
  assert.is(misuse('--side', 'left', '--loud'), "option '--side <side>' cannot be used with option '--loud'");
  assert.is(misuse('--even', '3'), "option '--even <n>' argument '3' is invalid. Expected an even number.");
  for (const given of ['0', '101', '1.5', '1e3', '-1', '0x1', ' 1', 'x', '', '9999999999']) {
    assert.is(
      misuse(`--count=${given}`),
      `option '--count <n>' argument '${given}' is invalid. Expected a whole number from 1 to 100.`,
    );
  }
  for (const given of ['localhost', 'ftp://a', 'http://a/b', 'http://a?b', 'http://']) {
    assert.match(misuse('--at', given), 'Expected an http or https URL without a path.');
  }
  assert.is(misuse('one', 'two'), "unexpected argument 'two'");
});

test('a command without options says that settings come from the environment', () => {
  const bare = command('bare').action(() => {});
  assert.throws(
    () => bare.parse(['--port', '80'], { from: 'user' }),
    /^unknown option '--port'; settings come from the environment/,
  );
});

test.run();
