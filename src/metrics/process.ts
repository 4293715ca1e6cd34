import { readdirSync } from 'node:fs';
import type { Family } from './openmetrics.ts';

/** Since when this process has been running, seconds since the Unix epoch. */
const STARTED_AT_SECONDS = Math.round(Date.now() - process.uptime() * 1000) / 1000;

/** What the operating system and Node say of this process as a whole, all threads, under the names that are usual. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const families: Family[] = [
    {
      type: 'counter',
      name: 'process_cpu_seconds',
      unit: 'seconds',
      help: 'CPU time that the process has used, all threads, user and system.',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      type: 'gauge',
      name: 'process_resident_memory_bytes',
      unit: 'bytes',
      help: 'Memory of the process that is in RAM.',
      samples: [{ value: process.memoryUsage.rss() }],
    },
    {
      type: 'gauge',
      name: 'process_start_time_seconds',
      unit: 'seconds',
      help: 'When the process started, since the Unix epoch.',
      samples: [{ value: STARTED_AT_SECONDS }],
    },
  ];
  const openFiles = openFileCount();
  if (openFiles !== null) {
    const help = 'Open files and sockets.';
    families.push({ type: 'gauge', name: 'process_open_fds', help, samples: [{ value: openFiles }] });
  }
  return families;
}

/** Null where the operating system does not show it. */
function openFileCount(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}
