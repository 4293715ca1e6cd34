import { MemoryLedger, MemoryStore } from '../../src/ledger/memory.ts';
import { conformance } from './conformance.ts';

conformance('the memory model', async () => {
  const store = new MemoryStore();
  return {
    open: async (processorNames) => new MemoryLedger(processorNames, store),
    dispose: async () => {},
  };
});
