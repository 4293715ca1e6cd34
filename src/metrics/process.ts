import { readdirSync } from 'node:fs';
import type { Family } from './openmetrics.ts';

/** When this process started, in seconds since the Unix epoch. */
const STARTED_AT_SECONDS = Math.round(Date.now() - process.uptime() * 1000) / 1000;

/** Metrics of the whole process, all threads, under their conventional names. */
export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const families: Family[] = [
    {
      type: 'counter',
      name: 'process_cpu_seconds',
      unit: 'seconds',
      help: 'User and system CPU time of the process, all threads.',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      type: 'gauge',
      name: 'process_resident_memory_bytes',
      unit: 'bytes',
      help: 'Resident memory of the process.',
      samples: [{ value: process.memoryUsage.rss() }],
    },
    {
      type: 'gauge',
      name: 'process_start_time_seconds',
      unit: 'seconds',
      help: 'Start time of the process, since the Unix epoch.',
      samples: [{ value: STARTED_AT_SECONDS }],
    },
  ];
  const openFiles = openFileCount();
  if (openFiles !== null) {
    const help = 'Open files and sockets of the process.';
    families.push({ type: 'gauge', name: 'process_open_fds', help, samples: [{ value: openFiles }] });
  }
  return families;
}

/** Null if the operating system does not report it. */
function openFileCount(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}
