import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { JournalFiles } from '../../src/journal/writer.ts';
import type { Audit } from './audit.ts';
import type { Random } from './random.ts';
import type { Scope } from './scope.ts';
import type { Weather } from './weather.ts';

export interface SimFilesParts {
  readonly instance: number;
  readonly scope: Scope;
  readonly weather: Weather;
  readonly random: Random;
  readonly audit: Audit;
}

interface OpenFile {
  readonly path: string;
  length: number;
  syncedLength: number;
}

/** A journal's files on a disk that fills up, loses power, and tears the last write of a killed process. */
export class SimFiles implements JournalFiles {
  readonly #parts: SimFilesParts;
  readonly #files = new Map<number, OpenFile>();
  readonly #lengths = new Map<string, OpenFile>();
  readonly #named = new Set<string>();

  constructor(parts: SimFilesParts) {
    this.#parts = parts;
    // The kernel closes the files of a dead process.
    parts.scope.onKilled(() => {
      for (const file of this.#files.keys()) closeSync(file);
      this.#files.clear();
    });
  }

  create(path: string): number {
    const { scope } = this.#parts;
    if (!scope.touch()) throw refusal('EIO');
    if (this.#disk() === 'full') throw refusal('ENOSPC');
    const file = openSync(path, 'wx', 0o600);
    const entry = { path, length: 0, syncedLength: 0 };
    this.#files.set(file, entry);
    this.#lengths.set(basename(path), entry);
    return file;
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }

  write(file: number, bytes: Uint8Array, length: number, position: number): number {
    const { scope, random } = this.#parts;
    const entry = this.#files.get(file);
    if (entry === undefined) throw refusal('EIO');
    let written = length;
    const disk = this.#disk();
    if (disk === 'full' || (disk === 'short' && random.chance(0.5))) written = random.int(0, length - 1);
    if (!scope.touch(true)) {
      this.#tear(entry.path, bytes, random.int(0, length - 1), position);
      return length;
    }
    if (written > 0) writeSync(file, bytes, 0, written, position);
    entry.length = position + written;
    if (written === 0) throw refusal('ENOSPC');
    return written;
  }

  truncate(file: number, length: number): void {
    const entry = this.#files.get(file);
    if (entry === undefined) throw refusal('EIO');
    if (this.#disk() === 'full' && this.#parts.random.chance(0.5)) throw refusal('EIO');
    ftruncateSync(file, length);
    entry.length = length;
  }

  close(file: number): void {
    if (this.#files.delete(file)) closeSync(file);
  }

  sync(file: number): Promise<void> {
    const entry = this.#files.get(file);
    const length = entry?.length ?? 0;
    return this.#slowly(() => {
      if (entry !== undefined) entry.syncedLength = Math.max(entry.syncedLength, length);
    });
  }

  syncDirectory(path: string): Promise<void> {
    const names = readdirSync(path);
    return this.#slowly(() => {
      for (const name of names) this.#named.add(name);
    });
  }

  /** A power cut: any part of the unsynced bytes remains, damaged or not. Files unknown here were synced. */
  losePower(directory: string): void {
    const { random } = this.#parts;
    for (const name of readdirSync(directory)) {
      const entry = this.#lengths.get(name);
      const path = join(directory, name);
      if (entry === undefined) continue;
      if (!this.#named.has(name) && random.chance(0.5)) {
        rmSync(path);
        continue;
      }
      const size = statSync(path).size;
      if (size === entry.syncedLength) continue;
      const kept = random.int(entry.syncedLength, size);
      // The file's length may reach the disk without its bytes.
      if (random.chance(0.3)) truncateSync(path, kept);
      else this.#tear(path, Buffer.alloc(size - kept), size - kept, kept);
    }
  }

  /** kill -9: leaves a part of the write that it interrupted. */
  #tear(path: string, bytes: Uint8Array, length: number, position: number): void {
    const file = openSync(path, 'r+');
    writeSync(file, bytes, 0, length, position);
    closeSync(file);
  }

  #slowly(run: () => void): Promise<void> {
    const { scope, random } = this.#parts;
    return new Promise((resolve, reject) => {
      if (!scope.touch()) return;
      scope.after(random.int(1, 5), () => {
        if (this.#disk() === 'sync fails' && random.chance(0.5)) {
          reject(refusal('EIO'));
          return;
        }
        run();
        resolve();
      });
    });
  }

  #disk(): 'full' | 'short' | 'sync fails' | 'well' {
    return this.#parts.weather.disk(this.#parts.instance);
  }
}

function refusal(code: string): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}
