import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exchange } from '../system/exchange.ts';
import { freePort } from '../system/port.ts';
import { dinossauro } from './dinossauro.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The package as npm packs and installs it: a folder under `node_modules`, beside what it depends on. */
function install(): string {
  const home = mkdtempSync(join(tmpdir(), 'installed-'));
  const modules = join(home, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', home], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(packed.stderr);
  const unpacked = spawnSync('tar', ['-xzf', packed.stdout.trim()], { cwd: home });
  if (unpacked.status !== 0) throw new Error('tar failed');
  renameSync(join(home, 'package'), join(modules, 'dinossauro'));
  return home;
}

const test = suite<{ home: string; packageRoot: string }>('installed');

test.before((context) => {
  context.home = install();
  context.packageRoot = join(context.home, 'node_modules/dinossauro');
});

test.after(({ home }) => rmSync(home, { recursive: true, force: true }));

test('it has what it needs to run, and nothing else', ({ packageRoot }) => {
  const names = readdirSync(packageRoot).sort();
  assert.equal(names, [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'bin',
    'dist',
    'docs',
    'openapi.json',
    'openapi.yaml',
    'ops',
    'package.json',
  ]);
});

test('`start` keeps its promise there, threads and all, and its books where it was started', async (context) => {
  const { home, packageRoot } = context;
  const listen = `127.0.0.1:${await freePort()}`;
  let status = 0;
  const pages: number[] = [];
  const { code, err } = await dinossauro(['start'], {
    // The ports of the processors that it would play may be taken. No processor is there, and none is needed.
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

test('what only a clone has says so, with a code of its own', async ({ packageRoot }) => {
  for (const name of ['sim', 'chaos', 'fuzz', 'bench', 'rinha']) {
    const { code, out, err } = await dinossauro([name], { packageRoot });
    assert.is(code, 3);
    assert.is(out, '');
    assert.match(err, /^dinossauro: only a clone of the repository has this command/);
  }
});

test.run();
