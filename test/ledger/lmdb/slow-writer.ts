// The thread that writes to the ledger, on a machine that takes a second to start it.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
await import(new URL('../../../src/ledger/lmdb/writer.ts', import.meta.url).href);
