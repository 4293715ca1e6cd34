import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';

/**
 * Who may have how many of the descriptors (`ulimit -n`) of an instance. The library that listens tries to accept
 * without a pause while there are none left, and without them no journal file and no connection to a processor or a
 * ledger can be opened. So the instance keeps what it needs itself, and divides the rest: one half for clients, the
 * other for calls.
 */

/** Node, the ledger, listening, the log, and files that are open for a moment. Measured: 37 with one thread of each kind. */
const OWN_BASE = 48;
/** Of a thread: its loop, its ledger, its journal or its health calls, its collector. */
const OWN_OF_THREAD = 12;
/** With less for clients an instance is of no use. */
const CONNECTIONS_MIN = 8;

export type Descriptors = Pick<
  Config,
  'maxConnections' | 'concurrency' | 'processors' | 'httpThreadCount' | 'poolThreadCount'
>;

export interface Share {
  /** Connections of clients. */
  readonly maxConnections: number;
  /** Calls in flight to one processor. */
  readonly concurrency: number;
  /** What was asked for and is not to be had; empty when all is. */
  readonly reduced: readonly string[];
  /** A limit with which nothing would be reduced. */
  readonly wantedLimit: number;
}

/** Soft limit of open files of this process, which Node has raised to the hard one; Infinity where it is not known. */
export function openFileLimit(root = '/'): number {
  try {
    const limits = readFileSync(join(root, 'proc/self/limits'), 'utf8');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

export function shareDescriptors(config: Descriptors, limit: number): Share {
  const { maxConnections, concurrency, processors, httpThreadCount, poolThreadCount } = config;
  const own = OWN_BASE + OWN_OF_THREAD * (httpThreadCount + poolThreadCount) + processors.length;
  const half = Math.max(CONNECTIONS_MIN, Math.floor((limit - own) / 2));
  const share = {
    maxConnections: Math.min(maxConnections, half),
    concurrency: Math.min(concurrency, Math.max(1, Math.floor(half / Math.max(1, processors.length)))),
  };
  const reduced = [
    ...(share.maxConnections < maxConnections
      ? [`MAX_CONNECTIONS=${maxConnections} to ${share.maxConnections}`]
      : []),
    ...(share.concurrency < concurrency ? [`CONCURRENCY=${concurrency} to ${share.concurrency}`] : []),
  ];
  const wantedLimit = own + 2 * Math.max(maxConnections, concurrency * processors.length);
  return { ...share, reduced, wantedLimit };
}
