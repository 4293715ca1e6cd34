import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a directory and its missing parents, unless it exists. Throws the error of the operating system if that fails.
 *
 * Node's own recursive `mkdir` loops forever under `/proc` and other file systems that return ENOENT although the parent
 * exists.
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
