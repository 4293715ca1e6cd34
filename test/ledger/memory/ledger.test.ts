import { systemClock } from '../../../src/core/clock.ts';
import { MemoryLedger } from '../../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../../src/ledger/sharded/ledger.ts';

import { conformance } from '../conformance.ts';

for (const shardCount of [1, 4]) {
  conformance(`the in-memory model with ${shardCount} shards`, async () => {
    const stores = Array.from({ length: shardCount }, () => new MemoryStore());
    return {
      open: async (processorNames, outbox) => {
        const options = outbox && { ...outbox, clock: systemClock };
        return ledgerOf(stores.map((store) => new MemoryLedger(processorNames, store, options)));
      },
      dispose: async () => {},
    };
  });
}
