import { MemoryLedger } from '../../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../../src/ledger/memory/store.ts';
import { conformance } from '../conformance.ts';

conformance('the in-memory model', async () => {
  const store = new MemoryStore();
  return {
    open: async (processorNames) => new MemoryLedger(processorNames, store),
    dispose: async () => {},
  };
});
