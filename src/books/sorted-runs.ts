import { createWriteStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LineWriter } from './line-writer.ts';

/** Lines of a run, which are sorted in memory: about 30 MB. Fifty million payments are 500 runs, each an open file. */
const RUN_LINES = 100_000;
const READ_BYTES = 65_536;

/**
 * Sorts any number of lines in bounded memory: sorted runs in a temporary directory, which are then merged. Lines are
 * compared as text, by their UTF-16 code units.
 */
export class SortedRuns {
  readonly #directory: string;
  readonly #runLines: number;
  readonly #paths: string[] = [];
  #lines: string[] = [];

  /** The runs are in a new directory within `parent`. */
  static async create(parent: string, runLines = RUN_LINES): Promise<SortedRuns> {
    return new SortedRuns(await mkdtemp(join(parent, 'dinossauro-export-')), runLines);
  }

  private constructor(directory: string, runLines: number) {
    this.#directory = directory;
    this.#runLines = runLines;
  }

  async add(line: string): Promise<void> {
    this.#lines.push(line);
    if (this.#lines.length === this.#runLines) await this.#endRun();
  }

  /** Calls `show` with every line, in order. */
  async merge(show: (line: string) => Promise<void> | void): Promise<void> {
    if (this.#paths.length === 0) {
      for (const line of this.#lines.sort()) await show(line);
      return;
    }
    await this.#endRun();
    const runs: Run[] = [];
    try {
      for (const path of this.#paths) runs.push(await Run.open(path));
      await mergeRuns(runs, show);
    } finally {
      for (const run of runs) await run.close();
    }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #endRun(): Promise<void> {
    if (this.#lines.length === 0) return;
    const path = join(this.#directory, `run-${this.#paths.length}`);
    const writer = new LineWriter(createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    for (const line of this.#lines.sort()) await writer.write(`${line}\n`);
    await writer.end();
    this.#paths.push(path);
    this.#lines = [];
  }
}

/** A heap of runs by their current lines. */
async function mergeRuns(runs: readonly Run[], show: (line: string) => Promise<void> | void): Promise<void> {
  const heap = runs.filter((run) => run.line !== undefined);
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
  while (heap.length > 0) {
    const first = heap[0] as Run;
    await show(first.line as string);
    if (!first.advance()) await first.refill();
    if (first.line === undefined) {
      const last = heap.pop() as Run;
      if (heap.length > 0) heap[0] = last;
    }
    if (heap.length > 0) sink(heap, 0);
  }
}

function sink(heap: Run[], from: number): void {
  const run = heap[from] as Run;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && lineAt(heap, child + 1) < lineAt(heap, child)) child++;
    if ((run.line as string) <= lineAt(heap, child)) break;
    heap[at] = heap[child] as Run;
    at = child;
  }
  heap[at] = run;
}

function lineAt(heap: readonly Run[], at: number): string {
  return (heap[at] as Run).line as string;
}

/** One sorted file, read a piece at a time. */
class Run {
  readonly #file: FileHandle;
  readonly #bytes = Buffer.allocUnsafe(READ_BYTES);
  /** The bytes of the line that the last piece has cut. */
  #rest = Buffer.alloc(0);
  #lines: string[] = [];
  #at = 0;

  static async open(path: string): Promise<Run> {
    const run = new Run(await open(path, 'r'));
    await run.refill();
    return run;
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Undefined: after the last line. */
  get line(): string | undefined {
    return this.#lines[this.#at];
  }

  /** False: `refill` has to be called. */
  advance(): boolean {
    this.#at++;
    return this.#at < this.#lines.length;
  }

  async refill(): Promise<void> {
    this.#lines = [];
    this.#at = 0;
    while (this.#lines.length === 0) {
      const { bytesRead } = await this.#file.read(this.#bytes, 0, READ_BYTES);
      if (bytesRead === 0) return;
      const all = Buffer.concat([this.#rest, this.#bytes.subarray(0, bytesRead)]);
      const end = all.lastIndexOf('\n') + 1;
      this.#rest = all.subarray(end);
      if (end > 0) this.#lines = all.toString('utf8', 0, end - 1).split('\n');
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
