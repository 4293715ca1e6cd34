import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { workersOf } from '../../src/dashboard/workers.ts';
import type { OwnerRecord } from '../../src/ledger/ledger.ts';

function record(owner: number, name: string, leaseUntilMs: number): OwnerRecord {
  return { instanceId: 'gateway-1', name, owner, leaseUntilMs };
}

test('one shard: its owners', () => {
  const owners = [record(3, 'pool-0', 100), record(5, 'pool-1', 200), record(9, 'pool-0', 300)];
  assert.equal(workersOf([owners]), owners);
});

test('several shards: one row for each life of a worker, with the lease that ends first', () => {
  const shards = [
    [record(3, 'pool-0', 100), record(9, 'pool-0', 300), record(4, 'pool-1', 250)],
    [record(12, 'pool-0', 280), record(11, 'pool-1', 260)],
    [record(2, 'pool-1', 240), record(7, 'pool-0', 290), record(1, 'pool-0', 0)],
  ];
  assert.equal(workersOf(shards), [
    record(3, 'pool-0', 0),
    record(11, 'pool-1', 240),
    record(12, 'pool-0', 280),
  ]);
});

test('no workers', () => {
  assert.equal(workersOf([]), []);
  assert.equal(workersOf([[], []]), []);
});

test.run();
