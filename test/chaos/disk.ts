import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = '8m';
const PIECE = Buffer.alloc(4096);

/** A small in-memory file system that can be filled completely. Only root can mount one. */
export class Disk {
  static readonly isPossible = process.platform === 'linux' && process.getuid?.() === 0;

  readonly directory: string;
  readonly #filler: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.#filler = join(directory, 'filler');
  }

  /** Mounts it at `directory`, which is created. */
  static mount(directory: string): Disk {
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0755`, 'tmpfs', directory]);
    return new Disk(directory);
  }

  fill(): void {
    const file = openSync(this.#filler, 'w');
    try {
      for (;;) writeSync(file, PIECE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Processes keep the files they have open in it. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.directory]);
  }
}
