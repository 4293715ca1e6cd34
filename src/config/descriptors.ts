import { join } from 'node:path';
import { fileText } from '../core/file-text.ts';
import type { Config } from './config.ts';
import type { ProcessorTarget } from './processor-target.ts';

/**
 * How an instance divides its file descriptors (`ulimit -n`). When none are left, uWebSockets.js retries `accept` in a
 * busy loop, and no journal file and no connection to a processor or ledger can be opened. So the instance reserves what
 * it needs itself and divides the rest: one half for clients, the other for calls.
 */

/** Node, the ledger, the listener, the log, and files opened briefly. Measured: 37 with one thread of each kind. */
const OWN_BASE = 48;
/** For each thread: its loop, ledger, journal or health calls, and collector. */
const OWN_OF_THREAD = 12;
/** With fewer client connections an instance is useless. */
const CONNECTIONS_MIN = 8;

export type Descriptors = Pick<
  Config,
  'maxConnections' | 'concurrency' | 'callsMax' | 'processors' | 'httpThreadCount' | 'poolThreadCount'
>;

export interface Share {
  /** Client connections. */
  readonly maxConnections: number;
  /** Most calls in flight to one processor. */
  readonly callsMax: number;
  /** With their limits of calls in flight lowered where necessary. */
  readonly processors: readonly ProcessorTarget[];
  /** The settings that had to be lowered, such as `CONCURRENCY=400 to 237`. */
  readonly reduced: readonly string[];
  /** The lowest limit that would reduce nothing. */
  readonly wantedLimit: number;
}

/** The soft limit on open files, which Node raises to the hard limit at start; Infinity where it is unknown. */
export function openFileLimit(root = '/'): number {
  const limits = fileText(join(root, 'proc/self/limits'));
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

export function shareDescriptors(config: Descriptors, limit: number): Share {
  const { maxConnections, concurrency, processors, httpThreadCount, poolThreadCount } = config;
  const own = OWN_BASE + OWN_OF_THREAD * (httpThreadCount + poolThreadCount) + processors.length;
  const half = Math.max(CONNECTIONS_MIN, Math.floor((limit - own) / 2));
  const callsMax = Math.max(1, Math.min(config.callsMax, Math.floor(half / Math.max(1, processors.length))));
  const share = {
    maxConnections: Math.min(maxConnections, half),
    callsMax,
    processors: processors.map((target) => ({ ...target, callLimit: Math.min(target.callLimit, callsMax) })),
  };
  const lowered = processors.filter(({ callLimit }) => callLimit > callsMax);
  const reduced = [
    ...(share.maxConnections < maxConnections
      ? [`MAX_CONNECTIONS=${maxConnections} to ${share.maxConnections}`]
      : []),
    ...(lowered.some(({ callLimit }) => callLimit === concurrency)
      ? [`CONCURRENCY=${concurrency} to ${callsMax}`]
      : []),
    ...lowered
      .filter(({ callLimit }) => callLimit !== concurrency)
      .map(({ name, callLimit }) => `callsAtOnce of ${name}=${callLimit} to ${callsMax}`),
  ];
  const callLimits = processors.map(({ callLimit }) => callLimit);
  const wantedLimit = own + 2 * Math.max(maxConnections, processors.length * Math.max(0, ...callLimits));
  return { ...share, reduced, wantedLimit };
}
