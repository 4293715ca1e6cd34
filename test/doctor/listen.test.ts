import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../src/core/address.ts';
import { checkListen, gatewayAnswers } from '../../src/doctor/listen.ts';
import { freePort } from '../system/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const REMEDY = 'set LISTEN';
/** Only Linux shows which process holds a socket. */
const HOLDER =
  process.platform === 'linux' ? new RegExp(`process ${process.pid} \\(node`) : /another process/;

async function tcp(): Promise<Address> {
  return { kind: 'tcp', host: '127.0.0.1', port: await freePort() };
}

async function listening(server: Server, address: Address): Promise<Server> {
  server.listen(address.kind === 'tcp' ? { ...address } : { path: address.path });
  await once(server, 'listening');
  return server;
}

test('sees whether a port is free, and which process holds it', async () => {
  const address = await tcp();
  assert.is((await checkListen('listen', address, REMEDY)).level, 'ok');
  const server = await listening(createServer(), address);
  const { level, seen, remedy } = await checkListen('listen', address, REMEDY);
  server.close();
  assert.is(level, 'fail');
  assert.match(seen, HOLDER);
  assert.is(remedy, 'stop that process, or set LISTEN');
  assert.is((await checkListen('listen', address, REMEDY)).level, 'ok');
});

test('reports an address that no interface has, and an unknown host name', async () => {
  const elsewhere = await checkListen('listen', { kind: 'tcp', host: '203.0.113.1', port: 9 }, REMEDY);
  assert.is(elsewhere.level, 'fail');
  assert.match(elsewhere.seen, 'no network interface');
  const unknown = await checkListen('listen', { kind: 'tcp', host: 'nowhere.invalid', port: 9 }, REMEDY);
  assert.is(unknown.level, 'fail');
  assert.match(unknown.seen, /nowhere\.invalid:9: E/);
});

test('unix socket: free, in use, left behind, not a socket, without a directory', async () => {
  const directory = temporaryDirectory();
  const check = (path: string) => checkListen('listen', { kind: 'unix', path }, REMEDY);
  const path = join(directory, 'gateway.sock');
  assert.is((await check(path)).level, 'ok');

  const server = await listening(createServer(), { kind: 'unix', path });
  const held = await check(path);
  assert.is(held.level, 'fail');
  assert.match(held.seen, HOLDER);
  // The server cannot remove its socket file, since it has moved.
  const left = join(directory, 'left.sock');
  renameSync(path, left);
  server.close();
  await once(server, 'close');
  assert.is((await check(left)).level, 'ok');

  writeFileSync(path, '');
  assert.match((await check(path)).seen, 'exists but is not a socket');
  const homeless = await check(join(directory, 'missing', 'gateway.sock'));
  assert.is(homeless.level, 'fail');
  assert.match(homeless.remedy, 'create its directory');
});

test('recognizes a gateway by its answer', async () => {
  const directory = temporaryDirectory();
  let status = 200;
  const server = createHttpServer((_, response) => response.writeHead(status).end());
  const addresses: Address[] = [await tcp(), { kind: 'unix', path: join(directory, 'gateway.sock') }];
  for (const address of addresses) {
    assert.is(await gatewayAnswers(address), false);
    await listening(server, address);
    status = 200;
    const whileServing = await gatewayAnswers(address);
    status = 404;
    const whileMissing = await gatewayAnswers(address);
    server.close();
    await once(server, 'close');
    assert.equal([whileServing, whileMissing], [true, false]);
  }
  const mute = await tcp();
  const silent = await listening(
    createServer((socket) => socket.resume().on('error', () => {})),
    mute,
  );
  const answers = await gatewayAnswers(mute);
  silent.close();
  assert.is(answers, false);
});

test.run();
