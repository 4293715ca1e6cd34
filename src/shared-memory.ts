import { getRandomValues } from 'node:crypto';
import type { Config } from './config.ts';
import { Recent } from './http/recent.ts';
import { Segments } from './ledger/segments.ts';
import { Meters } from './metrics/meters.ts';
import { Board, type BoardShape } from './pool/board.ts';
import { Ring } from './pool/ring.ts';

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
