import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { joinLua, LIBRARY, LIBRARY_SOURCE, luaFiles } from '../../../src/ledger/redis/library.ts';

function join(files: Record<string, string>): string {
  return joinLua(new Map(Object.entries(files)));
}

test('an include comes once, before the files that include it', () => {
  const joined = join({
    'b.lua': '--- @include "includes/x.lua"\nb()\n',
    'a.lua': '--- @include "includes/y.lua"\n--- @include "includes/x.lua"\na()\n',
    'includes/x.lua': 'x()\n',
    'includes/y.lua': '--- @include "includes/x.lua"\ny()\n',
  });
  const statements = joined.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
  assert.equal(statements, ['x()', 'y()', 'do', 'a()', 'end', 'do', 'b()', 'end']);
});

test('the order in which files are listed changes nothing', () => {
  const files = [...luaFiles()];
  assert.is(joinLua(new Map(files.toReversed())), joinLua(new Map(files)));
});

test('an include that does not exist is an error that names both files', () => {
  assert.throws(
    () => join({ 'a.lua': '--- @include "includes/x.lua"\n' }),
    /^a\.lua includes "includes\/x\.lua", which does not exist$/,
  );
});

test('files that include each other are an error that names the circle', () => {
  assert.throws(
    () =>
      join({
        'a.lua': '--- @include "includes/x.lua"\n',
        'includes/x.lua': '--- @include "includes/y.lua"\n',
        'includes/y.lua': '--- @include "includes/x.lua"\n',
      }),
    /^Lua files include each other: a\.lua -> includes\/x\.lua -> includes\/y\.lua -> includes\/x\.lua$/,
  );
  assert.throws(() => join({ 'a.lua': '--- @include "a.lua"\n' }), /a\.lua -> a\.lua$/);
});

test('the library has every file, and each function in the file of its name', () => {
  for (const [path, text] of luaFiles()) {
    assert.ok(LIBRARY_SOURCE.includes(text), `${path} is not in the library`);
    const defined = [...text.matchAll(/^define\('(\w+)'/gm)].map(([, name]) => name);
    const name = path.replace('.lua', '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    assert.equal(defined, path.startsWith('includes/') ? [] : [name], path);
  }
});

test('an include line is well-formed and precedes the code', () => {
  for (const [path, text] of luaFiles()) {
    const code = text.replace(/^(--- @include "includes\/[\w-]+\.lua"\n)*/, '');
    assert.not.match(code, '@include', path);
  }
});

test('the name carries a hash of the text', () => {
  assert.match(LIBRARY, /^dinossauro_[0-9a-f]{12}$/);
  assert.ok(LIBRARY_SOURCE.startsWith(`#!lua name=${LIBRARY}\nlocal LIBRARY = '${LIBRARY}'\n`));
});

test.run();
