import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSetupError } from '../../src/core/setup-error.ts';
import { openContract } from '../../src/processor/open-contract.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const WHOLE = `{ name: 'mine', proofs: [], pay() {}, readPay() {}, find() {}, readFind() {} }`;
const folder = join(temporaryDirectory(), 'contract 100% #');
mkdirSync(folder);

let moduleCount = 0;
/** Writes a module of the user, in a folder whose name needs escaping in a URL. */
function moduleOf(source: string): string {
  const path = join(folder, `mine-${moduleCount++}.ts`);
  writeFileSync(path, source);
  return path;
}

const open = (name: string, options: Record<string, unknown> = {}) =>
  openContract({ name, options, authorization: 'Bearer moo' });

async function problemOf(opening: Promise<unknown>): Promise<string> {
  const problem: unknown = await opening.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(isSetupError(problem), String(problem));
  assert.not.match((problem as Error).message, '\n');
  return (problem as Error).message;
}

test('opens every shipped contract by its name', async () => {
  for (const name of ['rinha', 'rest', 'rest-async']) assert.is((await open(name)).name, name);
});

test('opens a module of the user with its options and credentials', async () => {
  const path = moduleOf(
    `export default ({ options, authorization }: { options: object, authorization: string }) => ({ ...${WHOLE}, options, authorization });`,
  );
  assert.match(
    JSON.stringify(await open(path, { moo: 1 })),
    '"options":{"moo":1},"authorization":"Bearer moo"',
  );
  const made = moduleOf(
    'export default () => new (class { name = "c"; proofs = []; pay() {} readPay() {} find() {} readFind() {} })();',
  );
  assert.is((await open(made)).name, 'c', 'an object of a class');
});

test('says in one line why a contract cannot be opened', async () => {
  const cases: readonly (readonly [name: string, problem: RegExp])[] = [
    [
      'rest-asinc',
      /^there is no contract rest-asinc; expected rinha, rest, rest-async or the path of a module$/,
    ],
    ['constructor', /^there is no contract constructor/],
    [join(folder, 'missing.ts'), /cannot be loaded: Cannot find module/],
    [moduleOf('export default (((;'), /cannot be loaded: /],
    [moduleOf('throw new Error("moo\\nmoo")'), /cannot be loaded: moo$/],
    [moduleOf('export const mine = 1;'), /does not export a function by default$/],
    [moduleOf('export default () => { throw new Error("moo") };'), /cannot be set up: moo$/],
    [moduleOf('export default () => 7;'), /did not return an object$/],
    [moduleOf(`export default () => ({ ...${WHOLE}, readFind: 7 });`), /has no readFind$/],
    [moduleOf(`export default () => ({ ...${WHOLE}, proofs: undefined });`), /has no proofs$/],
  ];
  for (const [name, problem] of cases) assert.match(await problemOf(open(name)), problem);
  assert.match(
    await problemOf(open('rinha', { payPath: '/' })),
    /^the contract rinha has no option payPath; it takes none$/,
  );
  assert.match(await problemOf(open('rest', { payPath: '' })), /^option payPath of the contract rest is /);
});

test.run();
