import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Confirmation } from '../../../src/ledger/confirmation.ts';
import type { RedisLedger, RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { openRedis } from './open-redis.ts';
import { operate } from './operate.ts';
import { RedisGate } from './redis-gate.ts';
import { RedisServer } from './redis-server.ts';
import { answers, refused, until } from './waiting.ts';

const WORKER = { instanceId: 'gateway-1', name: 'pool-0' };
/** Short, so that replicas that do not confirm are not waited for long. */
const TIMEOUT_MS = 1000;

function open(url: string, change: Partial<RedisLedgerOptions> = {}): Promise<RedisLedger> {
  return openRedis(url, { timeoutMs: TIMEOUT_MS, ...change });
}

const UNCONFIRMED: readonly (readonly [settings: string[], reason: string])[] = [
  [['--appendonly', 'no'], 'appendonly no'],
  [['--appendfsync', 'everysec'], 'appendfsync everysec'],
  [['--appendfsync', 'no'], 'appendfsync no'],
  [['--no-appendfsync-on-rewrite', 'yes'], 'no-appendfsync-on-rewrite yes'],
];

for (const [settings, reason] of UNCONFIRMED) {
  test(`a Redis with ${settings.join(' ')} is refused, unless it is allowed to confirm nothing`, async () => {
    const server = await RedisServer.start(...settings);
    const strict = await open(server.url);
    await refused(strict.ping(), new RegExp(`${reason}.*LEDGER_ALLOW_UNCONFIRMED`));
    const seen: Confirmation[] = [];
    const lax = await open(server.url, {
      allowsUnconfirmed: true,
      confirmedBy: (confirmation) => seen.push(confirmation),
    });
    await must(lax.ping());
    assert.equal(seen, [{ kind: 'none', reason }]);
    await strict.close();
    await lax.close();
    await server.stop();
  });
}

test('an account that may not read the settings has to say so, too', async () => {
  const server = await RedisServer.start();
  await operate(server, 'ACL', 'SETUSER', 'poor', 'on', '>word', '~*', '&*', '+@all', '-config');
  const strict = await open(server.url.replace('//', '//poor:word@'));
  await refused(strict.ping(), /may not read its settings/);
  await strict.close();
  await server.stop();
});

test('a Redis that syncs each write says so, and is asked anew after each reconnect', async () => {
  const server = await RedisServer.start();
  const seen: string[] = [];
  const ledger = await open(server.url, { confirmedBy: ({ kind }) => seen.push(kind) });
  await must(ledger.ping());
  await operate(server, 'CONFIG', 'SET', 'appendfsync', 'everysec');
  await operate(server, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(async () => {
    const reply = await ledger.ping();
    return reply.kind === 'unavailable' && reply.reason.includes('appendfsync everysec');
  });
  await operate(server, 'CONFIG', 'SET', 'appendfsync', 'always');
  await answers(ledger);
  assert.equal(seen, ['sync', 'sync']);
  await ledger.close();
  await server.stop();
});

interface Pair {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Between the replica and its master. */
  readonly link: RedisGate;
}

/** Runs a test with a master that syncs nothing and a replica of it. */
async function withReplica(run: (pair: Pair) => Promise<void>): Promise<void> {
  const settings = ['--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
  const master = await RedisServer.start(...settings);
  const link = await RedisGate.before(master.port);
  const replica = await RedisServer.start(...settings, '--replicaof', '127.0.0.1', String(link.port));
  try {
    await run({ master, replica, link });
  } finally {
    await link.close();
    await replica.stop();
    await master.stop();
  }
}

/** In Lua, because the keys are binary. */
const COUNT_ENTRIES = `
  local count = 0
  for _, hash in ipairs(redis.call('KEYS', '*:e:*')) do count = count + redis.call('HLEN', hash) end
  return count`;

test('what is confirmed is on the replica, also what others have written', () =>
  withReplica(async ({ master, replica }) => {
    const seen: Confirmation[] = [];
    const ledger = await open(master.url, { replicas: 1, confirmedBy: (each) => seen.push(each) });
    await answers(ledger);
    assert.equal(seen.at(-1), { kind: 'replicas', count: 1 });
    const careless = await open(master.url, { allowsUnconfirmed: true });
    for (let number = 0; number < 50; number++) {
      const owner = await must(careless.acquireLease(WORKER, T0_MS));
      void careless.commit(owner, [], [claimOf(number)]);
      await until(async () => (await must(ledger.find(id(number)))) !== undefined);
      assert.is(await operate(replica, 'EVAL_RO', COUNT_ENTRIES, '0'), number + 1);
    }
    await ledger.close();
    await careless.close();
  }));

test('without its replica every call is unavailable, and a repeated commit counts once', () =>
  withReplica(async ({ master, replica }) => {
    const ledger = await open(master.url, { replicas: 1 });
    await answers(ledger);
    const owner = await must(ledger.acquireLease(WORKER, T0_MS));
    await must(ledger.commit(owner, [], [claimOf(1)]));
    replica.signal('SIGSTOP');
    await refused(ledger.commit(owner, [settlementOf(1)], [claimOf(2)]), /^only 0 of 1 replicas/);
    await refused(ledger.summary(0, Infinity), /^only 0 of 1 replicas/);
    await refused(ledger.ping(), /^only 0 of 1 replicas/);
    replica.signal('SIGCONT');
    await answers(ledger);
    assert.equal(await must(ledger.commit(owner, [settlementOf(1)], [claimOf(2)])), {
      settled: ['recorded'],
      claimed: ['claimed'],
    });
    assert.is((await must(ledger.find(id(2))))?.attempts, 1);
    assert.is((await sumsOf(ledger))[0]?.count, 1);
    await ledger.close();
  }));

test('a master that was left behind answers nothing, neither claims nor summaries', () =>
  withReplica(async ({ master, replica, link }) => {
    const [before, after] = [
      await open(master.url, { replicas: 1 }),
      await open(replica.url, { replicas: 1 }),
    ];
    await refused(after.ping(), /replica: LEDGER_URL must name its master/);
    await answers(before);
    const owner = await must(before.acquireLease(WORKER, T0_MS));
    await must(before.commit(owner, [], [claimOf(1)]));
    // The others promote the replica, and start another one for it.
    link.mute();
    await operate(replica, 'REPLICAOF', 'NO', 'ONE');
    const third = await RedisServer.start(
      '--appendonly',
      'no',
      '--replicaof',
      '127.0.0.1',
      String(replica.port),
    );
    await answers(after);
    const other = await must(after.acquireLease(WORKER, T0_MS));
    await must(after.takeOver(owner, other, 10));
    await must(after.commit(other, [settlementOf(1)], [claimOf(2)]));
    for (const call of [
      () => before.commit(owner, [], [claimOf(2)]),
      () => before.summary(0, Infinity),
      () => before.find(id(2)),
      () => before.renewLease(owner, T0_MS + 1),
      () => before.takeHealthTurn(0, 0),
      () => before.ping(),
    ]) {
      assert.is((await call()).kind, 'unavailable');
    }
    assert.is((await must(after.find(id(1))))?.status, 'settled');
    await before.close();
    await after.close();
    await third.stop();
  }));

for (const what of ['reads', 'writes'] as const) {
  test(`a connection that ${what} gives up a master that has become a replica, and uses it again later`, () =>
    withReplica(async ({ master, replica }) => {
      const ledger = await open(master.url, { replicas: 1 });
      await answers(ledger);
      const owner = await must(ledger.acquireLease(WORKER, T0_MS));
      const ask = () => (what === 'reads' ? ledger.find(id(1)) : ledger.commit(owner, [], [claimOf(1)]));
      await must<unknown>(ask());
      await operate(replica, 'REPLICAOF', 'NO', 'ONE');
      await operate(master, 'REPLICAOF', '127.0.0.1', String(replica.port));
      await until(async () => {
        const reply = await ask();
        return reply.kind === 'unavailable' && /replica: LEDGER_URL must name its master/.test(reply.reason);
      });
      await operate(master, 'REPLICAOF', 'NO', 'ONE');
      await operate(replica, 'REPLICAOF', '127.0.0.1', String(master.port));
      await until(async () => (await ask()).kind === 'ok');
      await ledger.close();
    }));
}

test.run();
