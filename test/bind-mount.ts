import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';

/** A second mount of a directory, whose sockets are not those of the first: as NFS, SMB or a container's share is. */
export class BindMount {
  /** Why such a mount can't be made here, or null. */
  static get obstacle(): string | null {
    if (process.getuid?.() !== 0) return 'it takes root';
    if (!existsSync('/dev/fuse')) return 'it takes /dev/fuse';
    return spawnSync('bindfs', ['--version']).status === 0 ? null : 'it takes bindfs';
  }

  readonly path: string;

  constructor(original: string, path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    execFileSync('bindfs', [original, path]);
  }

  end(): void {
    execFileSync('umount', ['--lazy', this.path]);
  }
}
