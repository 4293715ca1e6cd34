import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory with the parents that are missing; one that exists is left as it is. Throws the error of the
 * operating system when that can't be done.
 *
 * Node's own recursive `mkdir` never returns under `/proc` and other file systems that answer ENOENT for a name
 * whose parent exists.
 */
export function makeDirectory(path: string): void {
  if (isDirectory(path)) return;
  try {
    mkdirSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' && isDirectory(path)) return; // Another process was faster.
    const parent = dirname(path);
    if (code !== 'ENOENT' || isDirectory(parent)) throw error;
    makeDirectory(parent);
    makeDirectory(path);
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
