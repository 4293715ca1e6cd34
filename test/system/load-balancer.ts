import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { adapted } from '../../bench/rinha/nginx.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { freePort } from './port.ts';

const DEPLOYED = new URL('../../lb/nginx.conf', import.meta.url);

/** Runs nginx, with its deployed settings after `change`, in front of a server that stands for both instances. */
export async function behindNginx(
  listener: RequestListener,
  use: (url: string) => Promise<void>,
  change: (settings: string) => string = (settings) => settings,
): Promise<void> {
  const directory = temporaryDirectory();
  const upstream = createServer(listener);
  const socket = join(directory, 'gateway.sock');
  upstream.listen(socket);
  await once(upstream, 'listening');
  const port = await freePort();
  const settings = adapted(change(readFileSync(DEPLOYED, 'utf8')), {
    directory,
    sockets: [socket, socket],
    port,
  });
  // Under root, nginx workers would run as a user without access to this directory.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  const path = join(directory, 'nginx.conf');
  writeFileSync(path, user + settings);
  const nginx = spawn('nginx', ['-p', directory, '-c', path, '-e', 'stderr', '-g', 'daemon off;'], {
    stdio: 'ignore',
  });
  try {
    await use(`http://127.0.0.1:${port}`);
  } finally {
    const ended = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await ended;
    upstream.close();
    upstream.closeAllConnections();
  }
}
