import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The text of a file of at most `maxBytes`; throws if it cannot be read or is larger. Reads pipes too, such as a shell's
 * `<(command)`, but limits the size, because a device may never end.
 */
export function readBoundedFile(path: string, maxBytes: number): string {
  const bytes = Buffer.alloc(maxBytes + 1);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}
