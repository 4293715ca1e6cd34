import { readdirSync, readFileSync } from 'node:fs';

/** What a process takes of its machine. */
export interface Vitals {
  readonly pid: number;
  readonly descriptors: number;
  /** Its own memory: without the pages of files that it maps. */
  readonly memoryBytes: number;
}

/** Undefined: there is no such process, or this system does not tell. */
export function vitalsOf(pid: number | undefined): Vitals | undefined {
  if (pid === undefined) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const lines = Array.from(status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB/gm));
    const memoryBytes = lines.reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
    return { pid, descriptors: readdirSync(`/proc/${pid}/fd`).length, memoryBytes };
  } catch {
    return undefined;
  }
}

/** Processes that this one has started and that still run. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return children.split(' ').filter(Boolean).map(Number);
}
