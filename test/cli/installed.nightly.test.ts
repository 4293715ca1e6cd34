import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { dinossauro } from './dinossauro.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const CLONE_ONLY = ['sim', 'chaos', 'fuzz', 'bench', 'rinha'];
const NAME = '@dinossauro/gateway';
const BUNDLED = 'uWebSockets.js';
/** Mostly the four binaries of uWebSockets.js. */
const UNPACKED_LIMIT_BYTES = 30 * 2 ** 20;

interface Manifest {
  readonly dependencies?: object;
  readonly devDependencies?: object;
  readonly scripts?: object;
  readonly engines?: { readonly node?: string };
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** The package as npm packs and installs it: a folder in `node_modules`, beside its dependencies. */
function install(): string {
  const home = mkdtempSync(join(tmpdir(), 'installed-'));
  const modules = join(home, 'node_modules');
  mkdirSync(join(modules, '@dinossauro'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.') && name !== BUNDLED) {
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
  }
  const packed = spawnSync('npm', ['run', 'package', '--silent', '--', home], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(packed.stderr);
  rmSync(join(home, 'package'), { recursive: true });
  const tarball = readdirSync(home).find((name) => name.endsWith('.tgz')) ?? 'none';
  const unpacked = spawnSync('tar', ['-xzf', tarball], { cwd: home });
  if (unpacked.status !== 0) throw new Error('tar failed');
  renameSync(join(home, 'package'), join(modules, NAME));
  return home;
}

function readJson<Value>(path: string): Value {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const test = suite<{ home: string; packageRoot: string }>('installed');

test.before((context) => {
  context.home = install();
  context.packageRoot = join(context.home, 'node_modules', NAME);
});

test.after(({ home }) => rmSync(home, { recursive: true, force: true }));

test('it contains what it needs to run, and little else', ({ packageRoot }) => {
  assert.equal(readdirSync(packageRoot).sort(), [
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'README.pt-BR.md',
    'SECURITY.md',
    'bin',
    'client',
    'deploy',
    'dist',
    'docs',
    'examples',
    'node_modules',
    'openapi.json',
    'openapi.yaml',
    'ops',
    'package.json',
    'processors.schema.json',
  ]);
  const { dependencies, devDependencies, scripts } = readJson<Manifest>(join(packageRoot, 'package.json'));
  assert.ok(dependencies);
  assert.equal([devDependencies, scripts], [undefined, undefined]);
  const sizeBytes = filesIn(packageRoot).reduce((sum, path) => sum + statSync(path).size, 0);
  assert.ok(sizeBytes < UNPACKED_LIMIT_BYTES, String(sizeBytes));
});

test('no dependency needs a later Node than the 20 that may start it', ({ packageRoot }) => {
  const { packages } = readJson<{ packages: Record<string, Manifest> }>(join(ROOT, 'package-lock.json'));
  const installed = Object.entries(packages).filter(
    ([path, { dev, optional }]) => !dev && !optional && path !== `node_modules/${BUNDLED}`,
  );
  assert.ok(installed.length > 10);
  const bundled = readJson<Manifest>(join(packageRoot, 'node_modules', BUNDLED, 'package.json'));
  for (const [path, { engines }] of [...installed, [BUNDLED, bundled] as const]) {
    const oldest = Number(/\d+/.exec(engines?.node ?? '')?.[0] ?? 0);
    assert.ok(oldest <= 20, `${path} asks for Node ${engines?.node}`);
  }
});

test('the links in its documents are not broken', ({ packageRoot }) => {
  const documents = filesIn(packageRoot).filter(
    (path) => path.endsWith('.md') && !path.includes('node_modules/u'),
  );
  let count = 0;
  for (const document of documents) {
    for (const [, link = ''] of readFileSync(document, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      const path = link.replace(/#.*$/, '');
      if (path === '' || /^[a-z]+:/.test(path)) continue;
      assert.ok(existsSync(join(dirname(document), path)), `${document}: ${link}`);
      count++;
    }
  }
  assert.ok(count > 20);
});

test('a contract of a user finds its types and helpers, and the gateway opens it', async ({
  home,
  packageRoot,
}) => {
  const folder = join(home, 'contract');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const file of ['caiman.ts', 'caiman-twin.ts'])
    copyFileSync(join(packageRoot, 'examples/contract', file), join(folder, file));
  const path = join(folder, 'caiman.ts');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const flags = [
    '--ignoreConfig',
    '--noEmit',
    '--allowImportingTsExtensions',
    '--strict',
    '--target',
    'es2023',
    '--module',
    'nodenext',
  ];
  const checked = spawnSync(process.execPath, [tsc, ...flags, '--types', 'node', path], {
    cwd: home,
    encoding: 'utf8',
  });
  assert.is(checked.status, 0, checked.stdout);
  const { openContract }: typeof import('../../src/processor/open-contract.ts') = await import(
    pathToFileURL(join(packageRoot, 'dist/processor/open-contract.js')).href
  );
  const opened = await openContract({ name: path, options: { merchant: 'moo' }, authorization: '' });
  assert.is(opened.find('7').path, '/api/moo/charges?reference=7');
});

test('its help lists only commands that it has', async ({ packageRoot }) => {
  const { code, out } = await dinossauro(['--help'], { packageRoot });
  assert.is(code, 0);
  for (const name of ['start', 'doctor', 'gateway', 'processor', 'certify', 'audit'])
    assert.match(out, new RegExp(`^  ${name} `, 'm'));
  for (const name of CLONE_ONLY) assert.not.match(out, new RegExp(`^  ${name} `, 'm'));
});

test('`start` works, and keeps its data in the current directory', async (context) => {
  const { home, packageRoot } = context;
  const listen = `127.0.0.1:${await freePort()}`;
  let status = 0;
  const pages: number[] = [];
  const { code, err } = await dinossauro(['start'], {
    // The default ports of the simulated processors may be in use, and the test needs no processor.
    environment: {
      LISTEN: listen,
      PROCESSORS: 'none:0.05:http://127.0.0.1:1',
      HTTP_THREADS: '2',
      POOL_THREADS: '2',
      STOP_TIMEOUT_MS: '500',
    },
    directory: home,
    packageRoot,
    once: {
      says: 'curl -i',
      act: async () => {
        const body = JSON.stringify({ correlationId: randomUUID(), amount: 1.5 });
        status = (await exchange('POST', `http://${listen}/payments`, { body })).status;
        for (const path of ['/dashboard', '/openapi.json', '/errors']) {
          pages.push((await exchange('GET', `http://${listen}${path}`)).status);
        }
      },
    },
  });
  assert.is(status, 202);
  assert.equal(pages, [200, 200, 200]);
  assert.is(code, 0, err);
  assert.equal(readdirSync(join(home, 'data')).sort(), ['journal', 'ledger']);
});

test('commands that need a clone say so, and exit with their own code', async ({ packageRoot }) => {
  for (const name of CLONE_ONLY) {
    const { code, out, err } = await dinossauro([name], { packageRoot });
    assert.is(code, 3);
    assert.is(out, '');
    assert.match(err, /^dinossauro: this command needs a clone of the repository; /);
  }
});

test.run();
