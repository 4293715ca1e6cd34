import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/doctor/finding.ts';
import {
  CLUSTER_COMMANDS,
  COMMANDS,
  checkRedis,
  EVENT_COMMANDS,
  type RedisParts,
} from '../../src/doctor/redis.ts';
import type { RedisDriver } from '../../src/ledger/redis/connection.ts';
import { newDriver } from '../../src/ledger/redis/driver.ts';
import { LIBRARY_SOURCE } from '../../src/ledger/redis/library.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { listenLocally } from '../listen-locally.ts';
import { freePort } from '../system/port.ts';

const LEASE_MS = 5000;

const POLICY = {
  retentionMs: Number.POSITIVE_INFINITY,
  leaseMs: LEASE_MS,
  replicas: 0,
  allowsUnconfirmed: false,
  failsOver: false,
  isInCluster: false,
};

function check(url: string, change: Partial<RedisParts> = {}): Promise<Finding[]> {
  return checkRedis({ driver: newDriver(url, {}, 2000, 64), nowMs: Date.now, ...POLICY, ...change });
}

function faults(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, seen }) => `${level} ${check}: ${seen}`);
}

async function withRedis(
  settings: readonly string[],
  use: (redis: RedisServer) => Promise<void>,
): Promise<void> {
  const redis = await RedisServer.start(...settings);
  try {
    await use(redis);
  } finally {
    await redis.stop();
  }
}

/** Sends one command to Redis. */
async function tell(redis: RedisServer, ...command: string[]): Promise<unknown> {
  const driver = newDriver(redis.url, {}, 2000, 64);
  driver.on('error', () => {});
  await driver.connect();
  const reply = await driver.sendCommand(command);
  driver.destroy();
  return reply;
}

test('finds no fault in a sound Redis, and changes nothing', () =>
  withRedis([], async (redis) => {
    const findings = await check(redis.url);
    assert.equal(faults(findings), []);
    assert.equal(
      findings.map(({ check: name }) => name),
      ['redis', 'persistence', 'eviction', 'rights', 'clock'],
    );
    assert.is(await tell(redis, 'DBSIZE'), 0);
  }));

const SETTINGS: readonly (readonly [settings: string[], fault: RegExp])[] = [
  [['--appendonly', 'no'], /^fail persistence: .* lose writes that it has answered \(appendonly no\)$/],
  [['--appendfsync', 'everysec'], /^fail persistence: .*\(appendfsync everysec\)$/],
  [['--no-appendfsync-on-rewrite', 'yes'], /^fail persistence: .*\(no-appendfsync-on-rewrite yes\)$/],
  [['--maxmemory-policy', 'volatile-lru'], /^warn eviction: .*volatile-lru$/],
  [
    ['--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru'],
    /^fail eviction: maxmemory 20 MiB, allkeys-lru: Redis would delete payments$/,
  ],
];

for (const [settings, fault] of SETTINGS) {
  test(`Redis with ${settings.join(' ')}`, () =>
    withRedis(settings, async (redis) => {
      const found = faults(await check(redis.url));
      assert.is(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', fault);
    }));
}

test('refuses a Redis in cluster mode', () =>
  withRedis(['--cluster-enabled', 'yes'], async (redis) => {
    assert.ok(faults(await check(redis.url)).includes('fail redis: this Redis runs in cluster mode'));
  }));

test('refuses a Redis that is in no cluster where one is expected', () =>
  withRedis([], async (redis) => {
    const found = faults(await check(redis.url, { isInCluster: true }));
    assert.equal(found, ['fail redis: this Redis does not run in cluster mode']);
  }));

test('a synced write is not enough where a replica can be promoted', () =>
  withRedis([], async (redis) => {
    const found = faults(await check(redis.url, { failsOver: true }));
    assert.is(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', /^fail persistence: .*a replica that is promoted may lack them/);
  }));

test('warns of a Redis that confirms nothing and is allowed', () =>
  withRedis(['--appendfsync', 'everysec'], async (redis) => {
    const found = faults(await check(redis.url, { allowsUnconfirmed: true }));
    assert.is(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', /^warn persistence: .*which LEDGER_ALLOW_UNCONFIRMED allows$/);
  }));

test('counts the replicas that confirm', () =>
  withRedis([], (redis) =>
    withRedis(['--replicaof', '127.0.0.1', String(redis.port)], async () => {
      for (;;) if (/connected_slaves:1/.test(String(await tell(redis, 'INFO', 'replication')))) break;
      assert.equal(faults(await check(redis.url, { replicas: 1 })), []);
      assert.match(
        faults(await check(redis.url, { replicas: 2 })).join(),
        /^fail replicas: 1 of the 2 replicas/,
      );
      assert.match(faults(await check(redis.url)).join(), /^warn replicas: 1 connected replica/);
    }),
  ));

test('warns of a Redis whose replicas confirm, but which may restart without its last writes', () =>
  withRedis(['--appendfsync', 'everysec'], (redis) =>
    withRedis(['--replicaof', '127.0.0.1', String(redis.port)], async () => {
      for (;;) if (/connected_slaves:1/.test(String(await tell(redis, 'INFO', 'replication')))) break;
      const found = faults(await check(redis.url, { replicas: 1 }));
      assert.is(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', /^warn persistence: .*may lose some when it restarts/);
    }),
  ));

test('reports exhausted memory', () =>
  withRedis(['--maxmemory', '500kb'], async (redis) => {
    const found = faults(await check(redis.url));
    assert.match(found[0] ?? '', /^warn eviction: .*nearly full$/);
    assert.match(found[1] ?? '', /^fail rights: Redis refuses commands: OOM/);
  }));

test('reports a replica', () =>
  withRedis(['--replicaof', '127.0.0.1', '1'], async (redis) => {
    assert.ok(faults(await check(redis.url)).includes('fail redis: this Redis is a replica'));
  }));

test('reports a clock that is off by a little, and by too much for leases', () =>
  withRedis([], async (redis) => {
    const ahead = (byMs: number) => check(redis.url, { nowMs: () => Date.now() - byMs });
    assert.match(faults(await ahead(1500))[0] ?? '', /^warn clock: the clock of Redis is \d+ ms ahead$/);
    assert.match(faults(await ahead(60_000))[0] ?? '', /^fail clock: .*too much for LEASE_MS$/);
    assert.match(faults(await ahead(-60_000))[0] ?? '', /^fail clock: .* behind/);
  }));

test('names the permissions that an account lacks', () =>
  withRedis([], async (redis) => {
    await tell(
      redis,
      'ACL',
      'SETUSER',
      'poor',
      'on',
      '>word',
      '~*',
      '&*',
      '+@all',
      '-hset',
      '-function|load',
      '-config',
    );
    const url = `redis://poor:word@127.0.0.1:${redis.port}`;
    const found = faults(await check(url));
    assert.match(found[0] ?? '', /^fail persistence: .*may not read its settings/);
    assert.match(found[1] ?? '', /^fail rights: the account lacks: FUNCTION LOAD, HSET$/);

    await tell(redis, 'ACL', 'SETUSER', 'poor', 'resetkeys', '~other:*');
    assert.match(faults(await check(url)).at(-1) ?? '', /^fail rights: the account lacks: FCALL, .*APPEND/);

    await tell(redis, 'ACL', 'SETUSER', 'poor', '-info', '-multi', '-time');
    assert.equal(
      (await check(url)).map(({ check: name, level }) => `${level} ${name}`),
      ['warn redis', 'fail rights', 'warn clock'],
    );
  }));

test('finds no fault with the account of ops/redis.acl', async () => {
  const path = fileURLToPath(new URL('../../ops/redis.acl', import.meta.url));
  await withRedis(['--aclfile', path], async (redis) => {
    const findings = await check(redis.url);
    assert.equal(faults(findings), []);
    assert.match(findings[1]?.seen ?? '', 'appendfsync always');
    assert.match(findings[3]?.seen ?? '', 'need MULTI to be tested');
  });
});

test('checks every command that the functions call', () => {
  const called = new Set([...LIBRARY_SOURCE.matchAll(/\bcall\('([A-Z]+)'/g)].map(([, name]) => name ?? ''));
  const known = new Set([...COMMANDS, ...CLUSTER_COMMANDS, ...EVENT_COMMANDS].map(([name]) => name));
  assert.ok(called.size > 10);
  assert.equal(
    [...called].filter((name) => !known.has(name)),
    [],
  );
});

test('reports a refused connection, a wrong password, and a server that does not answer', async () => {
  const [refused] = await check(`redis://127.0.0.1:${await freePort()}`);
  assert.is(refused?.level, 'fail');
  assert.match(refused?.remedy ?? '', 'start Redis');
  await withRedis(['--requirepass', 'word'], async (redis) => {
    const [wrong] = await check(`redis://:other@127.0.0.1:${redis.port}`);
    assert.match(wrong?.remedy ?? '', 'user and password');
    assert.not((wrong?.seen ?? '').includes('other'));
  });
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  const port = await listenLocally(silent);
  const [mute] = await check(`redis://127.0.0.1:${port}`);
  silent.close();
  assert.is(mute?.level, 'fail');
});

/** A Redis that cannot be started here, simulated by its INFO. */
function scripted(info: string): RedisDriver {
  return {
    on: () => undefined,
    connect: async () => undefined,
    subscribe: async () => undefined,
    destroy: () => undefined,
    sendCommand: async ([name]) => {
      if (name === 'INFO') return info;
      if (name === 'TIME') return [String(Date.now() / 1000), '0'];
      return name === 'CONFIG' ? { appendonly: 'yes', appendfsync: 'always' } : 'QUEUED';
    },
  };
}

test('reports an old version, loading, and a full disk', async () => {
  const info =
    'redis_version:6.2.14\r\nloading:1\r\naof_enabled:1\r\naof_last_write_status:err\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n';
  const found = faults(await checkRedis({ driver: scripted(info), nowMs: Date.now, ...POLICY }));
  assert.match(found.join('\n'), 'fail redis: Redis 6.2.14');
  assert.match(found.join('\n'), 'warn redis: Redis is loading its data');
  assert.match(found.join('\n'), 'fail persistence: Redis failed to write');
});

test.run();
