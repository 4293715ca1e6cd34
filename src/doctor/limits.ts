import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Descriptors, openFileLimit, shareDescriptors } from '../config/descriptors.ts';
import { fileText } from '../core/file-text.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const MIB = 2 ** 20;
/** Memory that an instance uses at the contest's load, and the least with which it starts. */
const MEMORY_WANTED_BYTES = 96 * MIB;
const MEMORY_MIN_BYTES = 64 * MIB;
/** With less, the quota of a period is spent at once, and all requests wait for the next period. */
const CPU_WANTED = 0.5;
/** With fewer, almost none are left for clients and calls. */
const OPEN_FILES_MIN = 256;

export interface Limits {
  readonly memoryBytes: number;
  /** Cores, or parts of one. */
  readonly cpus: number;
  /** Infinity: unknown. */
  readonly openFiles: number;
  readonly isContainer: boolean;
}

/** Reads the limits of this process. `root` is the file system root; tests use another folder. */
export function readLimits(root = '/'): Limits {
  return {
    memoryBytes: Math.min(process.constrainedMemory() || Infinity, totalmem()),
    cpus: Math.min(quotaOf(root), availableParallelism()),
    openFiles: openFileLimit(root),
    isContainer: ['.dockerenv', 'run/.containerenv'].some((file) => existsSync(join(root, file))),
  };
}

export function checkLimits(limits: Limits, wants: Descriptors): Finding[] {
  const place = limits.isContainer ? 'in this container' : 'here';
  return [
    checkMemory(limits.memoryBytes, place),
    limits.cpus >= CPU_WANTED
      ? ok('cpu', `${limits.cpus} CPU ${place}`)
      : warn(
          'cpu',
          `${limits.cpus} CPU ${place}`,
          `give each instance at least ${CPU_WANTED} CPU: with less, responses come in bursts`,
        ),
    checkOpenFiles(limits.openFiles, wants),
  ];
}

function checkMemory(bytes: number, place: string): Finding {
  const seen = `${Math.round(bytes / MIB)} MiB of memory ${place}`;
  if (bytes >= MEMORY_WANTED_BYTES) return ok('memory', seen);
  const small = 'NODE_OPTIONS="--max-old-space-size=48 --max-semi-space-size=2 --v8-pool-size=1"';
  if (bytes >= MEMORY_MIN_BYTES) return warn('memory', seen, `give each instance 96 MiB, and set ${small}`);
  return fail('memory', seen, 'give each instance at least 96 MiB');
}

function checkOpenFiles(limit: number, wants: Descriptors): Finding {
  const { maxConnections, processors, reduced, wantedLimit } = shareDescriptors(wants, limit);
  const callLimit = Math.min(...processors.map((target) => target.callLimit));
  const seen = `${limit === Infinity ? 'unlimited' : limit} open files (ulimit -n), enough for ${maxConnections} client connections and ${callLimit} calls per processor`;
  const wanted = Math.max(OPEN_FILES_MIN, wantedLimit);
  if (limit < OPEN_FILES_MIN) return fail('files', seen, `raise the limit to at least ${wanted}`);
  if (reduced.length === 0) return ok('files', seen);
  return warn('files', seen, `raise the limit to at least ${wanted}: it reduces ${reduced.join(' and ')}`);
}

/** The smallest CPU quota of this process's control groups (v1 or v2); Infinity without one. */
function quotaOf(root: string): number {
  const quotas = fileText(join(root, 'proc/self/cgroup'))
    .split('\n')
    .flatMap((line) => {
      const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      if (controllers === '')
        return upwards(path).map((group) => quotaV2(join(root, 'sys/fs/cgroup', group)));
      if (!controllers.split(',').includes('cpu')) return [];
      return upwards(path).map((group) => quotaV1(join(root, 'sys/fs/cgroup/cpu', group)));
    });
  return Math.min(Infinity, ...quotas);
}

/** `/a/b`, `/a`, `/`: the limit of an outer group applies to inner ones. */
function upwards(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, count) => `/${parts.slice(0, count).join('/')}`);
}

function quotaV2(group: string): number {
  const [, quotaUs, periodUs] = /^(\d+) (\d+)/.exec(fileText(join(group, 'cpu.max'))) ?? [];
  return quotaUs === undefined ? Infinity : Number(quotaUs) / Number(periodUs);
}

function quotaV1(group: string): number {
  const [quotaUs, periodUs] = ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) =>
    Number(fileText(join(group, file)) || -1),
  ) as [number, number];
  return quotaUs > 0 && periodUs > 0 ? quotaUs / periodUs : Infinity;
}
