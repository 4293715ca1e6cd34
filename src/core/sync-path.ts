import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Syncs a file to its disk, or a directory, which makes new names in it survive a power cut. Throws the errors of `node:fs`. */
export function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
