import { readFileSync } from 'node:fs';

const CLOCK_TICK_US = 10_000;

/** CPU time of redis-server as reported by Linux, in steps of 10 ms. */
export function redisCpuUs({ pid }: { readonly pid: number | undefined }): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_US;
}
