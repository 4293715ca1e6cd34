import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { Deployment, Gateway } from './deployment.ts';
import { Load } from './load.ts';
import { PAYMENTS, RATE_PER_S } from './scale.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NEW = 'dist/gateway.js';
/** Long enough that a stop finds calls in flight. */
const DELAY_MS = 40;
const COUNT = 4 * PAYMENTS;

/** The version that is upgraded from: `UPGRADE_FROM`, or the last tag of a release; empty if there is neither. */
function formerRevision(): string {
  const given = process.env['UPGRADE_FROM'];
  return given || git(['describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^']).stdout.trim();
}

function git(args: readonly string[]) {
  return spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}

/** The sources of a former version in a folder of their own, with the packages that they ask for. */
function checkOut(revision: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'former-'));
  const archive = spawnSync('git', ['archive', revision], { cwd: ROOT, maxBuffer: 2 ** 28 });
  if (archive.status !== 0) throw new Error(`UPGRADE_FROM=${revision}: ${archive.stderr}`);
  const extracted = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout });
  if (extracted.status !== 0) throw new Error(String(extracted.stderr));
  const packagesOf = (root: string) => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return JSON.stringify(dependencies);
  };
  if (packagesOf(folder) === packagesOf(ROOT)) {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    return folder;
  }
  const install = ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr } = spawnSync('npm', install, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ci of ${revision}: ${stderr}`);
  return folder;
}

const revision = formerRevision();
if (revision === '')
  console.log('upgrade: skipped, because no version is released yet; UPGRADE_FROM=COMMIT names one');

for (const ledger of ['redis', 'lmdb'] as const) {
  const upgrading = revision === '' ? test.skip : test;

  upgrading(
    `${ledger}: an upgrade from ${revision}, instance by instance and back again, loses nothing`,
    async () => {
      const folder = checkOut(revision);
      const former = relative(ROOT, join(folder, NEW));
      try {
        await Deployment.run({ ledger, gatewayCount: 2, program: former }, async (deployment) => {
          const { urls, books, processors } = deployment;
          const [cheap] = processors;
          for (const processor of processors) await processor.setDelay(DELAY_MS);
          const random = new Random(17);
          const fromMs = Date.now();
          const load = new Load({ urls, payments: COUNT, ratePerS: RATE_PER_S, random, insists: true });
          const running = [...deployment.gateways];

          /** Stops an instance in order, or kills it, and starts another version of it in its place. */
          const replace = async (place: number, program: string, how: 'stop' | 'kill') => {
            const old = running[place];
            if (old === undefined) throw new Error(`no instance ${place}`);
            await old[how]();
            const next = new Gateway(program, old.url, old.environment);
            running[place] = next;
            await next.start();
          };
          const upgrade = async () => {
            await load.reached(COUNT * 0.1);
            await replace(0, NEW, 'stop');
            await cheap.setFailing(true);
            await load.reached(COUNT * 0.3);
            await replace(1, NEW, 'kill');
            await cheap.setFailing(false);
            await load.reached(COUNT * 0.5);
            await replace(0, former, 'kill');
            await load.reached(COUNT * 0.7);
            await replace(0, NEW, 'stop');
          };
          try {
            await Promise.all([load.run(), upgrade()]);
            await books.proveRepeated(load, fromMs, random);
            assert.equal(await deployment.healthFaults(), []);
          } catch (error) {
            for (const { url, output } of running) console.error(`--- ${url}\n${output}`);
            throw error;
          } finally {
            await Promise.all(running.map((gateway) => gateway.end()));
          }
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
}

test.run();
