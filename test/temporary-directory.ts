import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.once('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** Makes a directory that is removed when this process ends. What grows large in one should be removed before. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'dinossauro-test-'));
  made.push(path);
  return path;
}
