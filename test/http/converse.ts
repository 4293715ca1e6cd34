import { connect, type NetConnectOpts } from 'node:net';

/** Between two pieces, so that a busy system does not join them. */
const BETWEEN_MS = 2;

/**
 * Writes `pieces` on one connection, each in its own packet if possible. Resolves to all that was received until the
 * connection closed, and to '' if it was refused.
 */
export function converse(to: NetConnectOpts, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ ...to, noDelay: true } as NetConnectOpts);
    socket.setEncoding('latin1').on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    const send = (index: number) => {
      const piece = pieces[index];
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece, () => setTimeout(send, BETWEEN_MS, index + 1));
    };
    send(0);
  });
}
