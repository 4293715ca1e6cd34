import { once } from 'node:events';
import { createServer } from 'node:net';

const LOWEST = 12_000;
const HIGHEST = 30_000;

/**
 * A free loopback port that stays free while its server is down: below the range for outgoing connections, where a client
 * that retries could end up connected to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
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
