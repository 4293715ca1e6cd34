import assert from 'node:assert';
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { ClusterMutant } from './cluster-mutants.ts';
import { RedisCluster } from './redis-cluster.ts';

// The gateway is loaded with the bug, so none of the files with an edit may have been loaded before.
const { scenario, edits }: ClusterMutant = workerData;
const folder = new URL('../../../src/ledger/redis/', import.meta.url).href;
const done = new Set<(typeof edits)[number]>();
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    let source = String(loaded.source);
    for (const edit of edits) {
      if (url !== folder + edit.file) continue;
      const parts = source.split(edit.from);
      assert.equal(parts.length, 2, `expected exactly once in ${edit.file}: ${edit.from}`);
      source = parts.join(edit.to);
      done.add(edit);
    }
    return { ...loaded, source };
  },
});
const { SCENARIOS } = await import('./cluster-scenarios.ts');
assert.equal(done.size, edits.length, 'every file with an edit is loaded');

const cluster = await RedisCluster.start();
let found = '';
try {
  await SCENARIOS[scenario](cluster);
} catch (error) {
  found = error instanceof Error ? error.message : String(error);
}
await cluster.stop();
parentPort?.postMessage(found);
