import { createClient } from '@redis/client';
import type { RedisServer } from './redis-server.ts';

/** Runs a command on a server, as an operator would. */
export async function operate(server: RedisServer, ...command: (string | Buffer)[]): Promise<unknown> {
  const operator = createClient({ url: server.url, socket: { reconnectStrategy: false } });
  operator.on('error', () => {});
  await operator.connect();
  try {
    return await operator.sendCommand(command);
  } finally {
    operator.destroy();
  }
}
