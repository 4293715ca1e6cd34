import { statSync } from 'node:fs';
import { join } from 'node:path';
import { syncPath } from '../../core/sync-path.ts';
import { DATA_FILE } from './data-file.ts';
import { LmdbStore } from './store.ts';

/**
 * Copies the books of directory `path` as they are at one moment into the existing directory `into`, while others write to
 * them. Returns the size of the copy, once it is on the disk. Rejects with the error of the file system or of LMDB.
 */
export async function backUp(path: string, into: string): Promise<number> {
  const store = new LmdbStore(path, true);
  try {
    await store.copyTo(into);
  } finally {
    await store.close();
  }
  const copy = join(into, DATA_FILE);
  syncPath(copy);
  syncPath(into);
  return statSync(copy).size;
}
