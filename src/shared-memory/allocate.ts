import { getRandomValues } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { Recent } from './idempotency-cache.ts';
import { Meters } from './metrics-table.ts';
import { Ring } from './ring.ts';
import { Segments } from './segment-table.ts';
import { Board, type BoardShape } from './state.ts';

/** The memory that the threads of one instance share; each attaches its own views to it. */
export interface SharedMemory {
  readonly ring: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  /** Also the shape of the meters. */
  readonly boardShape: BoardShape;
  readonly meters: SharedArrayBuffer;
  readonly segments: SharedArrayBuffer;
  readonly recent: SharedArrayBuffer;
}

/** 16,384 records of 64 bytes: a file of 1 MiB. */
export const RECORDS_PER_SEGMENT = 16_384;

/** `leftOverSegments`: files of earlier lives that stay in the table until the ledger has their payments. */
export function allocateSharedMemory(config: Config, leftOverSegments: number): SharedMemory {
  const boardShape = {
    processorCount: config.processors.length,
    threadCount: config.poolThreadCount + config.httpThreadCount,
  };
  return {
    ring: Ring.allocate(config.queueCapacity),
    board: Board.allocate(boardShape),
    boardShape,
    meters: Meters.allocate(boardShape),
    segments: Segments.allocate(config.journalSegmentCount + leftOverSegments, RECORDS_PER_SEGMENT),
    recent: Recent.allocate(config.queueCapacity, getRandomValues(new Uint32Array(2))),
  };
}
