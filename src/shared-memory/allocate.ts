import { getRandomValues } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { PROCESSORS_MAX } from '../core/terms.ts';
import { CallbackRing } from './callback-ring.ts';
import { DefinitionTable } from './definition-table.ts';
import { IdempotencyCache } from './idempotency-cache.ts';
import { MetricsTable } from './metrics-table.ts';
import { Ring } from './ring.ts';
import { SegmentTable } from './segment-table.ts';
import { type InstanceShape, SharedState } from './state.ts';

/** The memory that the threads of one instance share. Each thread creates its own views of it. */
export interface SharedMemory {
  readonly ring: SharedArrayBuffer;
  readonly state: SharedArrayBuffer;
  /** The shape of both the shared state and the metrics table. */
  readonly shape: InstanceShape;
  readonly metricsTable: SharedArrayBuffer;
  readonly segments: SharedArrayBuffer;
  readonly idempotencyCache: SharedArrayBuffer;
  readonly callbacks: SharedArrayBuffer;
  readonly definitions: SharedArrayBuffer;
}

/** 16,384 records of 64 bytes: a file of 1 MiB. */
export const RECORDS_PER_SEGMENT = 16_384;

/** Room for the callbacks of 20 ms, the time in which a pool thread lets them gather, at 12,800 a second. */
const CALLBACK_CAPACITY = 256;

/** `leftOverSegments`: the number of journal files from earlier runs, which need rows in the segment table too. */
export function allocateSharedMemory(config: Config, leftOverSegments: number): SharedMemory {
  const shape = {
    processorCount: config.processors.length,
    processorsMax: PROCESSORS_MAX,
    threadCount: config.poolThreadCount + config.httpThreadCount,
  };
  return {
    ring: Ring.allocate(config.queueCapacity),
    state: SharedState.allocate(shape),
    shape,
    metricsTable: MetricsTable.allocate(shape),
    segments: SegmentTable.allocate(config.journalSegmentCount + leftOverSegments, RECORDS_PER_SEGMENT),
    idempotencyCache: IdempotencyCache.allocate(config.queueCapacity, getRandomValues(new Uint32Array(2))),
    callbacks: CallbackRing.allocate(CALLBACK_CAPACITY),
    definitions: DefinitionTable.allocate(PROCESSORS_MAX),
  };
}
