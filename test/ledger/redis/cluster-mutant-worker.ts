import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { hookEdits } from '../../edits-hook.ts';
import type { ClusterMutant } from './cluster-mutants.ts';
import { RedisCluster } from './redis-cluster.ts';

// The gateway is loaded with the bug, so none of the files with an edit may have been loaded before.
const { scenario, edits }: ClusterMutant = workerData;
const areIn = hookEdits(new URL('../../../src/ledger/redis/', import.meta.url), edits);
const { SCENARIOS } = await import('./cluster-scenarios.ts');
assert.ok(areIn(), 'every file with an edit is loaded');

const cluster = await RedisCluster.start();
let found = '';
try {
  await SCENARIOS[scenario](cluster);
} catch (error) {
  found = error instanceof Error ? error.message : String(error);
}
await cluster.stop();
parentPort?.postMessage(found);
