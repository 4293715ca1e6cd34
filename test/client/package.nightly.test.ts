import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NAME = '@dinossauro/client';

function run(home: string, command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: home, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const test = suite<{ home: string }>('the package of the client');

test.before((context) => {
  context.home = mkdtempSync(join(tmpdir(), 'client-'));
  const packed = spawnSync('npm', ['run', 'package:client', '--silent', '--', context.home], { cwd: ROOT });
  if (packed.status !== 0) throw new Error(String(packed.stderr));
  const tarball = readdirSync(context.home).find((name) => name.endsWith('.tgz')) ?? 'none';
  if (run(context.home, 'tar', ['-xzf', tarball]).status !== 0) throw new Error('tar failed');
  mkdirSync(join(context.home, 'node_modules/@dinossauro'), { recursive: true });
  renameSync(join(context.home, 'package'), join(context.home, 'node_modules', NAME));
  writeFileSync(join(context.home, 'package.json'), '{"type":"module"}');
});

test.after(({ home }) => rmSync(home, { recursive: true, force: true }));

test('it is JavaScript with types, and little else', ({ home }) => {
  const folder = join(home, 'node_modules', NAME);
  assert.equal(readdirSync(folder).sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
  for (const name of readdirSync(join(folder, 'dist'))) assert.match(name, /^[a-z-]+(\.d\.ts|\.js)$/);
});

test('a program without any types of Node or special flags compiles against it', ({ home }) => {
  const program = join(home, 'program.ts');
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict'];
  const flags = ['--target', 'es2023', '--module', 'nodenext', '--lib', 'es2023,dom'];
  writeFileSync(
    program,
    `import { Client, ProblemError } from '${NAME}';
const client = new Client({ url: 'http://127.0.0.1:1' });
try {
  const payment = await client.waitFor('x');
  const text: string = payment.status === 'settled' ? payment.processor : payment.reason;
} catch (error) {
  if (error instanceof ProblemError && error.problem.type === '/errors#amount-conflict') {
    const status: 409 = error.problem.status;
  }
}
`,
  );
  assert.equal(run(home, process.execPath, [...tsc, ...flags, program]), { status: 0, output: '' });
  writeFileSync(program, `import { Client } from '${NAME}';\nnew Client({ url: 1 });\n`);
  assert.match(run(home, process.execPath, [...tsc, ...flags, program]).output, 'TS2322');
});

test('Node runs it', ({ home }) => {
  const script = `import { Client } from '${NAME}';
const answer = new Client({ url: 'http://127.0.0.1:1' }).summary({}, { timeoutMs: 100 });
console.log(await answer.catch(({ name }) => name));`;
  const { status, output } = run(home, process.execPath, ['--input-type=module', '-e', script]);
  assert.equal([status, output], [0, 'NoAnswerError\n']);
});

test.run();
