import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** Descriptors, buffers, memory; for TCP connections also local ports (EAGAIN). */
const LACKS = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN'];

/**
 * Whether a connection failed because this machine has run out of something, which says nothing about the processor.
 * `wasReached`: an earlier connection to it succeeded.
 */
export function isExhausted(error: NodeJS.ErrnoException, wasReached: boolean): boolean {
  const { code = '' } = error;
  // No free ports; or, at the first connection, an address family that this machine does not have.
  if (code === 'EADDRNOTAVAIL') return wasReached;
  // The resolver reports "not found" when it cannot open its own files and sockets.
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
