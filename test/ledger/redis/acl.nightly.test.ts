import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIBRARY_SOURCE } from '../../../src/ledger/redis/library.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';
import { conformance } from '../conformance.ts';
import { must } from '../samples.ts';
import { openRedis } from './open-redis.ts';
import { RedisServer } from './redis-server.ts';

const shipped = read('../../../ops/redis.acl');
const directory = temporaryDirectory();
let fileCount = 0;

function read(path: string | URL): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

function startServer(accounts: string): Promise<RedisServer> {
  const file = join(directory, `${fileCount++}.acl`);
  writeFileSync(file, accounts);
  return RedisServer.start('--aclfile', file);
}

/** One server for all tests; each test has its own key prefix. */
let shared: Promise<RedisServer> | undefined;
let roots = 0;
conformance('Redis with the shipped ACL', async () => {
  shared ??= startServer(shipped.replaceAll('{dinossauro*}', '{acl-*}'));
  const { socketUrl } = await shared;
  const root = `{acl-${roots++}}:`;
  return {
    open: (processorNames, outbox) => openRedis(socketUrl, { processorNames, root, outbox }),
    dispose: async () => {},
  };
});

test('the ACL allows exactly the commands that are used', () => {
  const folder = new URL('../../../src/ledger/redis/', import.meta.url);
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const used = [...sources.map((name) => read(new URL(name, folder))), LIBRARY_SOURCE].flatMap((source) => {
    const calls = source.matchAll(/(?:call\(|in_slices\(|send\(\[|command = \[)'([A-Z]+)'(?:, '([A-Z]+)')?/g);
    return [...calls].map(([, command = '', sub]) =>
      (['FUNCTION', 'CONFIG', 'CLUSTER'].includes(command) ? `${command}|${sub}` : command).toLowerCase(),
    );
  });
  // The driver itself sends SELECT, for a database in the URL, and SUBSCRIBE. SENTINEL goes to sentinels only.
  const allowed = [...shipped.matchAll(/ \+(\S+)/g)].map(([, command]) => command);
  const needed = new Set([...used, 'select', 'subscribe']);
  needed.delete('sentinel');
  assert.equal([...needed].sort(), allowed.sort());
});

test('with a user and a password, others get no access and the user gets only what it needs', async () => {
  const password = 'p@ss word';
  const hash = createHash('sha256').update(password).digest('hex');
  const named = shipped.replace('user default on nopass', `user default off\nuser dinossauro on #${hash}`);
  const server = await startServer(named);
  const url = server.url.replace('//', `//dinossauro:${encodeURIComponent(password)}@`);
  const ledger = await openRedis(url);
  assert.ok(
    (await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, Date.now() + 5000))) > 0,
  );
  await ledger.close();
  const stranger = await openRedis(server.url);
  const reply = await stranger.ping();
  assert.is(reply.kind, 'unavailable');
  if (reply.kind === 'unavailable') assert.match(reply.reason, /^NOAUTH /);
  await stranger.close();

  const client = createClient({ url, socket: { reconnectStrategy: false } });
  await client.connect();
  for (const command of [
    ['CONFIG', 'SET', 'appendfsync', 'no'],
    ['FLUSHALL'],
    ['KEYS', '*'],
    ['GET', 'something-else'],
    ['SUBSCRIBE', 'something-else'],
    ['FUNCTION', 'DELETE', 'dinossauro'],
    ['EVAL', 'return 1', '0'],
    ['ACL', 'LIST'],
    ['SHUTDOWN', 'NOSAVE'],
    ['MODULE', 'LIST'],
    ['REPLICAOF', 'NO', 'ONE'],
  ]) {
    const answer = await client.sendCommand(command).catch(String);
    assert.match(String(answer), 'NOPERM', command.join(' '));
  }
  client.destroy();
  await server.stop();
});

test.after(async () => {
  await (await shared)?.stop();
});

test.run();
