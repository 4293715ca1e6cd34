import { readdirSync, readFileSync } from 'node:fs';

/** The resources that a process uses. */
export interface Vitals {
  readonly pid: number;
  readonly descriptors: number;
  /** Its memory without the pages of mapped files. */
  readonly memoryBytes: number;
}

/** Undefined if there is no such process or the system does not report it. */
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

/** Running child processes of this process. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return children.split(' ').filter(Boolean).map(Number);
}
