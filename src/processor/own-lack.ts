import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** Descriptors, buffers, memory; on a TCP connection also local ports (EAGAIN). */
const LACKS = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN'];

/**
 * Whether a connection could not be made because this machine has run out of something, which says nothing of the
 * processor. `wasReached`: there has been a connection to it before.
 */
export function isOwnLack(error: NodeJS.ErrnoException, wasReached: boolean): boolean {
  const { code = '' } = error;
  // Ports that have run out; or, at the first connection, an address of a family that this machine does not have.
  if (code === 'EADDRNOTAVAIL') return wasReached;
  // The resolver says "not found" when it cannot open its own files and sockets.
  if (error.syscall === 'getaddrinfo') return LACKS.includes(code) || !canOpenFile();
  return LACKS.includes(code);
}

function canOpenFile(): boolean {
  try {
    closeSync(openSync(devNull, 'r'));
    return true;
  } catch {
    return false;
  }
}
