import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_MUTANTS } from './cluster-mutants.ts';

// The replicas of Valkey know which slots their master is moving, which hides one of them.
const isValkey = process.env['REDIS_SERVER']?.includes('valkey') === true;

for (const mutant of isValkey ? [] : CLUSTER_MUTANTS) {
  test(`it is found if ${mutant.name}`, async () => {
    const worker = new Worker(new URL('./cluster-mutant-worker.ts', import.meta.url), { workerData: mutant });
    const [found] = await once(worker, 'message');
    assert.match(found, /torn|twice|the whole|stay unavailable: INCOMPLETE/);
  });
}

test.run();
