import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

// Preloaded into a gateway. Each SIGUSR2 kills the oldest pool thread, alternately by an uncaught error and by an exit.
// Other threads, such as the writer of LMDB, are left alone: only the pool's run a file of piscina.
interface Order {
  readonly threadId: number;
  readonly exits: boolean;
}

const births = new BroadcastChannel('pool thread born');
const orders = new BroadcastChannel('pool thread die');
births.unref();
orders.unref();
if (isMainThread) command();
else if (process.argv[1]?.includes('/piscina/')) obey();

function command(): void {
  const living: number[] = [];
  let deaths = 0;
  births.onmessage = (event: unknown) => living.push(dataOf(event) as number);
  process.on('SIGUSR2', () => {
    const oldest = living.shift();
    if (oldest !== undefined)
      orders.postMessage({ threadId: oldest, exits: deaths++ % 2 === 1 } satisfies Order);
  });
}

function obey(): void {
  orders.onmessage = (event: unknown) => {
    const order = dataOf(event) as Order;
    if (order.threadId !== threadId) return;
    if (order.exits) process.exit(3);
    setImmediate(() => {
      throw new Error('a crash on demand');
    });
  };
  births.postMessage(threadId);
}

function dataOf(event: unknown): unknown {
  return (event as { data: unknown }).data;
}
