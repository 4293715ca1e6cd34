import { workerData } from 'node:worker_threads';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';

/** Marks every `step`th of `count` records done, beginning with `first`. */
export interface MarkWork {
  readonly segments: SharedArrayBuffer;
  readonly first: number;
  readonly step: number;
  readonly count: number;
  readonly firstRef: number;
}

const work = workerData as MarkWork;
const segments = new SegmentTable(work.segments);
for (let record = work.first; record < work.count; record += work.step)
  segments.markDone(work.firstRef + record);
