import { readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { fileText } from './file-text.ts';

/** State of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';

/** Who listens on a TCP port: `process 123 (node src/gateway.ts)`, or `another process` if that cannot be seen. */
export function portHolder(port: number): string {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    rowsOf(table)
      .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === LISTENING)
      .map((row) => row[9] ?? ''),
  );
  return holderOf(inodes);
}

/** Who listens on a unix socket whose path ends with `ending`. */
export function pathHolder(ending: string): string {
  const rows = rowsOf('/proc/net/unix').filter((row) => row[7]?.endsWith(ending));
  return holderOf(rows.map((row) => row[6] ?? ''));
}

function holderOf(inodes: readonly string[]): string {
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pid =
    links.size === 0 ? undefined : listed('/proc').find((name) => /^\d+$/.test(name) && has(name, links));
  return pid === undefined ? 'another process' : `process ${pid} (${nameOf(pid)})`;
}

function has(pid: string, links: ReadonlySet<string>): boolean {
  return listed(`/proc/${pid}/fd`).some((file) => {
    try {
      return links.has(readlinkSync(`/proc/${pid}/fd/${file}`));
    } catch {
      return false; // Closed in the meantime.
    }
  });
}

/** The first two words of its command line: the rest might hold secrets. */
function nameOf(pid: string): string {
  const [program = '', argument = ''] = fileText(`/proc/${pid}/cmdline`).split('\0');
  return `${basename(program)} ${argument.slice(-60)}`.trim();
}

function rowsOf(table: string): string[][] {
  const [, ...lines] = fileText(table).split('\n');
  return lines.map((line) => line.trim().split(/\s+/));
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
