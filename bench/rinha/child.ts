import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Usage } from './deployment.ts';

const STOP_TIMEOUT_MS = 15_000;
/** Linux reports CPU time in hundredths of a second, whatever the kernel's tick rate. */
const MS_PER_TICK = 10;

/** A child process that is stopped by its own id and never outlives this one. */
export class Child {
  readonly part: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #killAtExit = () => this.#process.kill('SIGKILL');
  #said = '';
  #running = true;

  constructor(part: string, command: string, args: readonly string[], environment: Environment = {}) {
    this.part = part;
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment };
    this.#process = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#hear(chunk));
    }
    this.#exited = new Promise((resolve) => {
      this.#process.once('error', (error) => this.#hear(Buffer.from(error.message)));
      this.#process.once('close', () => {
        this.#running = false;
        process.off('exit', this.#killAtExit);
        resolve();
      });
    });
    process.once('exit', this.#killAtExit);
  }

  get running(): boolean {
    return this.#running;
  }

  /** The last output of the process. */
  get said(): string {
    return this.#said;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** The usage of all its threads and children; empty once it has ended. */
  usage(): Usage {
    const pids = this.#process.pid === undefined ? [] : family(this.#process.pid);
    return {
      part: this.part,
      cpuMs: pids.reduce((sum, pid) => sum + cpuMs(pid), 0),
      periods: null,
      throttledPeriods: null,
      memoryBytes: pids.reduce((sum, pid) => sum + memoryBytes(pid), 0),
    };
  }

  #hear(chunk: Buffer): void {
    this.#said = (this.#said + chunk.toString()).slice(-2_000);
  }
}

type Environment = Readonly<Record<string, string>>;

function family(pid: number): number[] {
  const threads = entries(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(family)];
}

function cpuMs(pid: number): number {
  // The name in parentheses may contain spaces; user and system time are the 12th and 13th fields after it.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * MS_PER_TICK;
}

/** Anonymous and shared memory, without file pages, which several processes may share. */
function memoryBytes(pid: number): number {
  const lines = read(`/proc/${pid}/status`).matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB/gm);
  return Array.from(lines).reduce((sum, line) => sum + Number(line[1]), 0) * 1_024;
}

/** Empty if the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
