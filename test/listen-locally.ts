import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** Listens on the loopback address and returns the port: a free one, unless it is given. */
export async function listenLocally(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
