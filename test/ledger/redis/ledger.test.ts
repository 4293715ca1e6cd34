import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Claim, LedgerEvent, LedgerPage, Settlement, Shard } from '../../../src/ledger/ledger.ts';
import type { RedisLedger, RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { sessionBytes, writeCommit } from '../../../src/ledger/redis/records.ts';
import { conformance } from '../conformance.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { openRedis } from './open-redis.ts';
import { operate } from './operate.ts';
import { RedisGate } from './redis-gate.ts';
import { RedisServer } from './redis-server.ts';
import { answers, refused, until } from './waiting.ts';

const WORKER = { instanceId: 'gateway-1', name: 'pool-0' };

let shared: Promise<RedisServer> | undefined;
let roots = 0;

/** One server for all tests that do not restart or reconfigure it; each has its own key prefix. */
function sharedServer(): Promise<RedisServer> {
  shared ??= RedisServer.start();
  return shared;
}

conformance('Redis', async () => {
  const { socketUrl } = await sharedServer();
  const root = `{conformance-${roots++}}:`;
  return {
    open: (processorNames, outbox) => openRedis(socketUrl, { processorNames, root, outbox }),
    dispose: async () => {},
  };
});

const test = suite('a ledger in Redis during faults');

interface Scene {
  readonly server: RedisServer;
  /** Opens another ledger, which is closed when the test ends. */
  connect(change?: Partial<RedisLedgerOptions>, url?: string): Promise<RedisLedger>;
  /** Runs a command on the server, as an operator would. */
  operate(...command: string[]): Promise<unknown>;
}

/** Runs a test with its own server. */
async function onServer(run: (scene: Scene) => Promise<void>, ...settings: string[]): Promise<void> {
  const server = await RedisServer.start(...settings);
  const opened: Shard[] = [];
  try {
    await run({
      server,
      connect: async (change, url = server.url) => {
        const ledger = await openRedis(url, change);
        opened.push(ledger);
        return ledger;
      },
      operate: (...command) => operate(server, ...command),
    });
  } finally {
    for (const ledger of opened) await ledger.close();
    await server.stop();
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

function acquire(ledger: Shard): Promise<number> {
  return must(ledger.acquireLease(WORKER, T0_MS));
}

test('it opens while Redis is down, and works once Redis is up', async () => {
  const server = await RedisServer.prepare();
  const ledger = await openRedis(server.url);
  try {
    await refused(ledger.ping(), /ECONNREFUSED/);
    await refused(ledger.commit(1, [], [claimOf(1)]), /ECONNREFUSED/);
    await refused(
      ledger.subscribe(() => {}),
      /ECONNREFUSED/,
    );
    await server.start();
    await answers(ledger);
    const owner = await acquire(ledger);
    assert.equal((await must(ledger.commit(owner, [], [claimOf(1)]))).claimed, ['claimed']);
  } finally {
    await ledger.close();
    await server.stop();
  }
});

test('it can be closed while Redis is down, and then replies that it is closed', async () => {
  const server = await RedisServer.prepare();
  const ledger = await openRedis(server.url);
  await ledger.close();
  await ledger.close();
  await refused(ledger.ping(), /closed/);
  await server.stop();
});

test('a malformed URL throws at once', async () => {
  for (const url of ['http://127.0.0.1', 'redis://127.0.0.1/books', 'unix://']) {
    let problem: unknown;
    await openRedis(url).catch((error: unknown) => {
      problem = error;
    });
    assert.instance(problem, Error, url);
  }
});

test('the URL may contain a user, a password and a database', async () => {
  await onServer(
    async ({ server, connect }) => {
      const plain = await connect();
      await refused(plain.ping(), /NOAUTH/);
      const ledger = await connect({}, `redis://:s%40fe@127.0.0.1:${server.port}/3`);
      await must(ledger.ping());
      const bySocket = await connect(
        {},
        server.socketUrl.replace('unix://', 'unix://:s%40fe@').concat('?db=3'),
      );
      const owner = await acquire(ledger);
      assert.equal(
        (await must(bySocket.owners())).map((record) => record.owner),
        [owner],
      );
    },
    '--requirepass',
    's@fe',
  );
});

test('acknowledged writes survive SIGKILL, and the ledger reconnects by itself', async () => {
  await onServer(async ({ server, connect }) => {
    const ledger = await connect();
    const events: LedgerEvent[] = [];
    await must(ledger.subscribe((event) => events.push(event)));
    const report = { processor: 1, failing: false, minResponseTimeMs: 7, checkedAtMs: T0_MS };
    await must(ledger.publishHealth(report));
    await until(() => events.length === 1);
    const owner = await acquire(ledger);
    await must(
      ledger.commit(
        owner,
        [],
        numbers(50).map((number) => claimOf(number)),
      ),
    );
    await must(
      ledger.commit(
        owner,
        numbers(40).map((number) => settlementOf(number)),
        [],
      ),
    );
    await server.kill('SIGKILL');
    await until(async () => (await ledger.ping()).kind === 'unavailable');
    await server.start();
    await answers(ledger);
    assert.equal(await sumsOf(ledger), [
      { count: 40, amountCents: 40 * 1990 },
      { count: 0, amountCents: 0 },
    ]);
    assert.is((await must(ledger.find(id(45))))?.owner, owner);
    assert.equal(await must(ledger.commit(owner, [settlementOf(45)], [claimOf(60)])), {
      settled: ['recorded'],
      claimed: ['claimed'],
    });
    assert.is(events.length, 1, 'known events are not repeated');
    await must(ledger.purge(T0_MS + 1));
    await until(() => events.length === 2);
    assert.equal(events[1], { kind: 'purged', purgedAtMs: T0_MS + 1 });
  });
});

test('events missed while disconnected arrive after the reconnect', async () => {
  await onServer(async ({ server, connect }) => {
    const gate = await RedisGate.before(server.port);
    const [away, other] = [await connect({}, gate.url), await connect()];
    const events: LedgerEvent[] = [];
    await must(away.subscribe((event) => events.push(event)));
    gate.cutAll();
    const report = { processor: 0, failing: true, minResponseTimeMs: 7, checkedAtMs: T0_MS };
    await must(other.publishHealth(report));
    await must(other.purge(T0_MS));
    await until(() => events.length === 2);
    assert.equal(events, [
      { kind: 'health', report },
      { kind: 'purged', purgedAtMs: T0_MS },
    ]);
    await away.close();
    await gate.close();
  });
});

test('while Redis loads its data, replies say so', async () => {
  await onServer(async ({ server, connect }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    for (let batch = 0; batch < 20; batch++) {
      const claims = numbers(600).map((number) => claimOf(600 * batch + number));
      await must(ledger.commit(owner, [], claims));
    }
    await server.kill('SIGKILL');
    // A delay for each of about 12,000 commands makes loading slow; Redis serves its sockets every 1,024 of them.
    await server.start('--key-load-delay', '100');
    await until(async () => {
      const answer = await ledger.ping();
      return answer.kind === 'unavailable' && answer.reason.startsWith('LOADING');
    });
    await answers(ledger);
    assert.is((await must(ledger.find(id(11_999))))?.status, 'dispatched');
  });
});

test('a flushed library is loaded again', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await operate('FUNCTION', 'FLUSH');
    const replies = await Promise.all(
      numbers(5).map((number) => must(ledger.commit(owner, [], [claimOf(number)]))),
    );
    assert.equal(
      replies.map((reply) => reply.claimed),
      numbers(5).map(() => ['claimed']),
    );
  });
});

test('a full Redis refuses writes and still answers reads', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [claimOf(1), claimOf(2)]));
    await must(ledger.commit(owner, [settlementOf(1)], []));
    await operate('CONFIG', 'SET', 'maxmemory', '1');
    await refused(ledger.commit(owner, [settlementOf(2)], [claimOf(3)]), /^OOM/);
    await refused(ledger.ping(), /^OOM/);
    assert.is((await sumsOf(ledger))[0]?.count, 1);
    assert.is((await must(ledger.find(id(2))))?.status, 'dispatched');
    assert.is(await must(ledger.find(id(3))), undefined);
    await operate('CONFIG', 'SET', 'maxmemory', '0');
    assert.equal((await must(ledger.commit(owner, [settlementOf(2)], []))).settled, ['recorded']);
  });
});

test('a Redis that cannot save refuses writes', async () => {
  await onServer(
    async ({ server, connect, operate }) => {
      const ledger = await connect({ allowsUnconfirmed: true });
      const owner = await acquire(ledger);
      const doomed = join(server.directory, 'doomed');
      mkdirSync(doomed);
      await operate('CONFIG', 'SET', 'dir', doomed);
      rmdirSync(doomed);
      await operate('BGSAVE');
      await until(async () =>
        String(await operate('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
      );
      await refused(ledger.commit(owner, [], [claimOf(1)]), /^MISCONF/);
      await refused(ledger.ping(), /^MISCONF/);
      assert.is(await must(ledger.find(id(1))), undefined);
    },
    ...['--appendonly', 'no', '--save', '3600 1', '--enable-protected-configs', 'yes'],
  );
});

test('a connection to a server that became a replica is replaced', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await operate('REPLICAOF', '127.0.0.1', '1');
    await refused(ledger.commit(owner, [], [claimOf(1)]), /^READONLY/);
    await operate('REPLICAOF', 'NO', 'ONE');
    await answers(ledger);
    assert.equal((await must(ledger.commit(owner, [], [claimOf(1)]))).claimed, ['claimed']);
  });
});

test('a Redis in cluster mode is not used as a single server', async () => {
  await onServer(
    async ({ connect, operate }) => {
      await operate('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await until(async () => String(await operate('CLUSTER', 'INFO')).includes('cluster_state:ok'));
      const ledger = await connect();
      await refused(ledger.ping(), /cluster mode: write redis-cluster:\/\/ in LEDGER_URL/);
      await refused(ledger.summary(0, Infinity), /cluster mode/);
      await refused(ledger.acquireLease(WORKER, T0_MS), /cluster mode/);
      assert.is(await operate('DBSIZE'), 0);
    },
    ...['--cluster-enabled', 'yes'],
  );
});

test('a Redis that evicts keys when full is not used', async () => {
  await onServer(
    async ({ connect, operate }) => {
      const ledger = await connect();
      await refused(ledger.ping(), /allkeys-lru would drop payments/);
      await operate('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await answers(ledger);
    },
    ...['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
  );
});

test('killed connections lose nothing and count nothing twice', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    const persist = async (settlements: Settlement[], claims: Claim[]) => {
      for (;;) {
        const reply = await ledger.commit(owner, settlements, claims);
        if (reply.kind === 'ok') return reply.value;
        await answers(ledger);
      }
    };
    const killer = (async () => {
      for (let round = 0; round < 20; round++)
        await operate('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    })();
    const done = await Promise.all(
      numbers(300).map(async (number) => {
        const { claimed } = await persist([], [claimOf(number)]);
        const { settled } = await persist([settlementOf(number)], []);
        return [claimed[0], settled[0]];
      }),
    );
    await killer;
    for (const pair of done) assert.equal(pair, ['claimed', 'recorded']);
    // The last kill may have come after the last commit.
    await answers(ledger);
    assert.equal((await sumsOf(ledger))[0], {
      count: 300,
      amountCents: 300 * 1990,
    });
  });
});

test('a takeover whose reply was lost is replied again', async () => {
  await onServer(async ({ server, connect }) => {
    const gate = await RedisGate.before(server.port);
    const ledger = await connect({}, gate.url);
    const [dead, successor] = [await acquire(ledger), await acquire(ledger)];
    await must(
      ledger.commit(
        dead,
        [],
        numbers(5).map((number) => claimOf(number)),
      ),
    );
    assert.is((await must(ledger.takeOver(dead, successor, 2))).length, 2);
    // One answer says what there is to take, the next that it was taken.
    gate.loseNextAnswer(1);
    assert.is((await ledger.takeOver(dead, successor, 10)).kind, 'unavailable');
    await answers(ledger);
    assert.is((await must(ledger.takeOver(dead, successor, 10))).length, 3);
    assert.equal(await must(ledger.takeOver(dead, successor, 10)), []);
    assert.equal(
      (await must(ledger.owners())).map((record) => record.owner),
      [successor],
    );
    await ledger.close();
    await gate.close();
  });
});

test('a commit whose reply was lost can be repeated safely', async () => {
  await onServer(async ({ server, connect }) => {
    const gate = await RedisGate.before(server.port);
    const ledger = await connect({}, gate.url);
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [claimOf(1)]));
    gate.loseNextAnswer();
    assert.is((await ledger.commit(owner, [settlementOf(1)], [claimOf(2)])).kind, 'unavailable');
    await answers(ledger);
    assert.equal(await must(ledger.commit(owner, [settlementOf(1)], [claimOf(2)])), {
      settled: ['recorded'],
      claimed: ['claimed'],
    });
    assert.is((await must(ledger.find(id(2))))?.attempts, 1);
    assert.is((await sumsOf(ledger))[0]?.count, 1);
    await ledger.close();
    await gate.close();
  });
});

test('the connection to a stalled Redis is given up after the timeout, and its late commands do no harm', async () => {
  await onServer(async ({ server, connect }) => {
    const ledger = await connect({ timeoutMs: 150 });
    const owner = await acquire(ledger);
    server.signal('SIGSTOP');
    try {
      await refused(ledger.commit(owner, [], [claimOf(1)]), /^no answer within 150 ms$/);
      await refused(ledger.ping(), /150 ms/);
    } finally {
      server.signal('SIGCONT');
    }
    await answers(ledger);
    const elsewhere = claimOf(1, { processor: 1, requestedAtMs: T0_MS + 900 });
    assert.equal((await must(ledger.commit(owner, [], [elsewhere]))).claimed, ['claimed']);
    const entry = await must(ledger.find(id(1)));
    assert.is(entry?.processor, 1);
    assert.is(entry?.requestedAtMs, T0_MS + 900);
  });
});

test('a late commit from a replaced connection is refused', async () => {
  await onServer(async ({ server, connect, operate: ask }) => {
    // All eight bytes of its id are 128, and the books that it creates have the same id.
    const ledger = await connect({ random: () => 0.5 });
    const owner = await acquire(ledger);
    await ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await answers(ledger);
    const sent = claimOf(1, { processor: 1 });
    await must(ledger.commit(owner, [], [sent]));
    const ledgerId = Buffer.alloc(8, 128);
    const firstSession = sessionBytes(ledgerId, 1);
    const late = writeCommit(firstSession, owner, [], [claimOf(1)], {
      numbers: [1, 2],
      positions: [],
      names: [],
    });
    const [library] = (await ask('FUNCTION', 'LIST')) as Record<string, string>[];
    const name = `${library?.['library_name']}_commit`;
    let problem = '';
    const keys = ['2', '{dinossauro}:meta', '{dinossauro}:processors', ''];
    await operate(server, 'FCALL', name, ...keys, ledgerId.toString('hex'), '0:1024', late, '').catch(
      (error: Error) => {
        problem = error.message;
      },
    );
    assert.match(problem, /^STALE/);
    assert.is((await must(ledger.find(id(1))))?.processor, 1);
  });
});

test('wiped books are not mistaken for the former ones', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [claimOf(1)]));
    await operate('FLUSHALL');
    const other = await connect({ processorNames: ['third', 'fallback', 'default'] });
    await acquire(other);
    await refused(ledger.commit(owner, [settlementOf(1)], [claimOf(2)]), /^BOOKS/);
    await answers(ledger);
    assert.equal(await must(ledger.commit(owner, [settlementOf(1)], [claimOf(2)])), {
      settled: ['fenced'],
      claimed: ['fenced'],
    });
    const again = await acquire(ledger);
    await must(ledger.commit(again, [], [claimOf(2)]));
    await must(ledger.commit(again, [settlementOf(2)], []));
    assert.is(
      (await must(other.summary(-Infinity, Infinity)))[2]?.count,
      1,
      'processor numbers are those of the new books',
    );
  });
});

test('books with another layout are not used', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    await must(ledger.ping());
    await operate('HSET', '{dinossauro}:meta', 'layout', '1');
    const later = await connect();
    await refused(later.ping(), /layout 1; this gateway expects 2/);
  });
});

test('books that grow are split over more hashes, and nothing is lost or shown twice', async () => {
  await onServer(async ({ connect, operate }) => {
    const [ledger, other] = [await connect(), await connect()];
    const owner = await acquire(ledger);
    const count = 70_000;
    const batch = 2000;
    for (let first = 0; first < count; first += batch) {
      await must(
        ledger.commit(
          owner,
          [],
          numbers(batch).map((number) => claimOf(first + number)),
        ),
      );
    }
    const shown = new Set<string>();
    let after: string | null = '';
    let pages = 0;
    while (after !== null) {
      const page: LedgerPage = await must(other.page(-Infinity, Infinity, after, 3000));
      for (const { correlationId } of page.entries) {
        assert.not(shown.has(correlationId), 'shown twice');
        shown.add(correlationId);
      }
      after = page.next;
      pages++;
      await must(ledger.upkeep(T0_MS, Infinity));
    }
    assert.ok(pages > 8);
    assert.is(shown.size, count);
    while (await must(ledger.upkeep(T0_MS, Infinity)));
    const hashes = Number(await operate('HGET', '{dinossauro}:meta', 'hashes'));
    assert.is(hashes, Math.floor(count / 64));
    assert.is(((await operate('KEYS', '*:e:*')) as unknown[]).length, hashes);
    // The other connection does not know of the new places yet.
    const again = await must(
      other.commit(
        owner,
        [settlementOf(1)],
        numbers(200).map((number) => claimOf(number)),
      ),
    );
    assert.equal(again.settled, ['recorded']);
    assert.equal(new Set(again.claimed.slice(2)), new Set(['claimed']));
    assert.is(again.claimed[1], 'known');
    for (const number of [0, 1, 1023, 69_999]) assert.ok((await must(other.find(id(number)))) !== undefined);
    await must(ledger.purge(T0_MS));
    assert.is(await operate('HGET', '{dinossauro}:meta', 'hashes'), null);
    assert.equal((await must(other.commit(owner, [], [claimOf(1)]))).claimed, ['claimed']);
    assert.is(Number(await operate('HGET', '{dinossauro}:meta', 'payments')), 1);
  });
});

test('calls above the pending limit are refused', async () => {
  await onServer(async ({ connect }) => {
    const ledger = await connect({ pendingLimit: 10 });
    const replies = await Promise.all(numbers(50).map(() => ledger.ping()));
    assert.is(replies.filter((reply) => reply.kind === 'ok').length, 10);
    await must(ledger.ping());
  });
});

test('a purge finally removes all old keys', async () => {
  await onServer(async ({ connect, operate }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    for (let round = 1; round <= 2; round++) {
      const all = numbers(700);
      await must(
        ledger.commit(
          owner,
          [],
          all.map((number) => claimOf(number, { acceptedAtMs: T0_MS + round })),
        ),
      );
      await must(
        ledger.commit(
          owner,
          all.map((number) => settlementOf(number)),
          [],
        ),
      );
      await must(ledger.purge(T0_MS + round));
    }
    await until(async () => (await operate('DBSIZE')) === 2);
    await until(async () => (await operate('HGET', '{dinossauro}:meta', 'swept')) === '2');
    assert.equal(((await operate('KEYS', '*')) as string[]).sort(), [
      '{dinossauro}:meta',
      '{dinossauro}:processors',
    ]);
  });
});

test('the next instance sweeps what a purge left when its instance died', async () => {
  await onServer(async ({ connect, operate }) => {
    const dying = await connect();
    const owner = await acquire(dying);
    await must(
      dying.commit(
        owner,
        [],
        numbers(700).map((number) => claimOf(number)),
      ),
    );
    await must(dying.purge(T0_MS + 1));
    await dying.close();
    assert.ok(Number(await operate('DBSIZE')) > 2);
    await connect();
    await until(async () => (await operate('DBSIZE')) === 2);
  });
});

test.after(async () => (await shared)?.stop());
test.run();
