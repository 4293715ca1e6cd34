import { readFileSync } from 'node:fs';

/** The contents of a file; empty if it cannot be read. */
export function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
