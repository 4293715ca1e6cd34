import { once } from 'node:events';
import { createServer } from 'node:net';

const LOWEST = 12_000;
const BLOCKS = 180;
const BLOCK_PORTS = 100;

/** Processes that run at the same time have different ports, also between the choice of a port and its use. */
const firstPort = LOWEST + (process.pid % BLOCKS) * BLOCK_PORTS;
let given = 0;

/**
 * A free loopback port that stays free while its server is down: below the range for outgoing connections, where a client
 * that retries could end up connected to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + (given++ % BLOCK_PORTS);
    if (await isFree(port)) return port;
  }
}

export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const bound = new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!(await bound)) return false;
  probe.close();
  await once(probe, 'close');
  return true;
}
