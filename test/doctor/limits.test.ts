import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkLimits, type Limits, readLimits } from '../../src/doctor/limits.ts';
import { processorTarget } from '../processor-target.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const MIB = 2 ** 20;
const PROCESSOR = processorTarget();
const WANTS = {
  maxConnections: 4096,
  concurrency: 400,
  callsMax: 1024,
  processors: [PROCESSOR, PROCESSOR],
  httpThreadCount: 1,
  poolThreadCount: 1,
};
const AMPLE: Limits = { memoryBytes: 130 * MIB, cpus: 0.55, openFiles: 20_000, isContainer: false };

/** The limits read from these files. */
function limitsOf(files: Readonly<Record<string, string>>): Limits {
  const root = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readLimits(root);
}

function levels(limits: Partial<Limits>): string[] {
  return checkLimits({ ...AMPLE, ...limits }, WANTS).map(({ level }) => level);
}

test('reads the smallest quota of nested control groups (v2)', () => {
  const limits = limitsOf({
    'proc/self/cgroup': '0::/pod/gateway\n',
    'sys/fs/cgroup/pod/cpu.max': '25000 100000\n',
    'sys/fs/cgroup/pod/gateway/cpu.max': 'max 100000\n',
    'proc/self/limits':
      'Limit   Soft Limit  Hard Limit\nMax open files            1234                 4096     files\n',
    '.dockerenv': '',
  });
  assert.is(limits.cpus, 0.25);
  assert.is(limits.openFiles, 1234);
  assert.ok(limits.isContainer);
});

test('reads control groups (v1)', () => {
  const limits = limitsOf({
    'proc/self/cgroup': '3:memory:/x\n2:cpu,cpuacct:/docker/abc\n',
    'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '55000\n',
    'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000\n',
  });
  assert.is(limits.cpus, 0.55);
  assert.not(limits.isContainer);
});

test('falls back to the limits of the machine', () => {
  const limits = limitsOf({});
  assert.is(limits.cpus, availableParallelism());
  assert.is(limits.openFiles, Infinity);
  const here = readLimits();
  assert.ok(here.memoryBytes > 0 && here.cpus > 0 && here.openFiles > 0);
});

test('tells enough, scarce and insufficient resources apart', () => {
  assert.equal(levels({}), ['ok', 'ok', 'ok']);
  assert.equal(levels({ memoryBytes: 80 * MIB, cpus: 0.3, openFiles: 1024 }), ['warn', 'warn', 'warn']);
  assert.equal(levels({ memoryBytes: 40 * MIB, openFiles: 200 }), ['fail', 'ok', 'fail']);
  assert.equal(levels({ openFiles: Infinity, isContainer: true }), ['ok', 'ok', 'ok']);
});

test.run();
