import { createClient, RESP_TYPES } from '@redis/client';

/** Repeats a command at the node that an ASK names, as drivers for clusters do by themselves. */
export async function follow(ask: string, command: readonly (string | Buffer)[]): Promise<unknown> {
  const [, , address] = ask.split(' ');
  const client = createClient({
    url: `redis://${address}`,
    RESP: 3,
    socket: { reconnectStrategy: false },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.sendCommand(['ASKING']);
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}
