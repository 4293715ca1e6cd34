import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileSystemOf } from '../../core/file-system.ts';
import { DATA_FILE } from './data-file.ts';
import { HOME_KEY } from './records.ts';
import type { LmdbBooksStatus } from './restore.ts';
import type { LmdbStore } from './store.ts';

export interface HomeParts {
  readonly store: LmdbStore;
  readonly status: LmdbBooksStatus;
  readonly path: string;
  readonly nowMs: number;
}

/**
 * Recognises a copy of the books, within a transaction of the caller. The books know the file that they were made in, by
 * its inode and the time at which that was made: a copied file has another, while a file that is renamed keeps both. A
 * copy may lack what was charged since it was made, so it is treated as restored.
 */
export function recogniseCopy({ store, status, path, nowMs }: HomeParts): void {
  const home = identityOf(path);
  const known = store.records.get(HOME_KEY)?.toString();
  if (home === null || home === known) return;
  store.records.putSync(HOME_KEY, Buffer.from(home));
  const { kind } = status.get();
  // Books of an earlier version do not know their file. What was moved, or is being filled, stays as closed as it is.
  if (known === undefined || kind === 'moved' || kind === 'filling') return;
  status.set({
    kind: 'behind',
    sinceMs: nowMs,
    detail: `${join(path, DATA_FILE)} is a copy of another file`,
  });
}

/** Null: the file system may give a file another inode at any time. */
function identityOf(path: string): string | null {
  if (fileSystemOf(path).kind === 'shared') return null;
  const { ino, birthtimeNs } = statSync(join(path, DATA_FILE), { bigint: true });
  return `${ino} ${birthtimeNs}`;
}
