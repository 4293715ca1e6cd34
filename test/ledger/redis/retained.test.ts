import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Ledger, LedgerEntry, Reply, Settlement, WorkerId } from '../../../src/ledger/ledger.ts';
import { MemoryLedger, MemoryStore } from '../../../src/ledger/memory/ledger.ts';
import { RedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { type Restore, Retained } from '../../../src/ledger/redis/retained.ts';
import { Random } from '../../sim/random.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { RedisGate } from './redis-gate.ts';
import { RedisServer } from './redis-server.ts';

const DEADLINE_MS = 20_000;
const GRACE_MS = 1000;
const FOREVER_MS = T0_MS + 86_400_000;
const NAMES = ['default', 'fallback'];
const NOTHING = { count: 0, amountCents: 0 };
const WORKERS: readonly WorkerId[] = ['gateway-1', 'gateway-2', 'gateway-3'].map((instanceId) => ({
  instanceId,
  name: 'pool-0',
}));
const WORKER = WORKERS[0] as WorkerId;

const test = suite('writes that Redis lost');

interface Scene {
  readonly server: RedisServer;
  /** Opens another ledger, which is closed when the test ends. */
  connect(change?: Partial<RedisLedgerOptions>, url?: string): Promise<RedisLedger>;
  /** Opens a gate to the server, which is closed when the test ends. */
  gate(): Promise<RedisGate>;
  /** Restarts Redis with the data of that moment; resolves when all ledgers are ready again. */
  forgetSince(moment: number): Promise<void>;
}

async function onServer(run: (scene: Scene) => Promise<void>): Promise<void> {
  const server = await RedisServer.start();
  const opened: RedisLedger[] = [];
  const gates: RedisGate[] = [];
  try {
    await run({
      server,
      connect: async (change, url = server.url) => {
        const ledger = await open(url, change);
        opened.push(ledger);
        return ledger;
      },
      gate: async () => {
        const gate = await RedisGate.before(server.port);
        gates.push(gate);
        return gate;
      },
      forgetSince: async (moment) => {
        await server.forgetSince(moment);
        for (const ledger of opened) await answers(ledger);
      },
    });
  } finally {
    for (const ledger of opened) await ledger.close();
    for (const gate of gates) await gate.close();
    await server.stop();
  }
}

function open(url: string, change: Partial<RedisLedgerOptions> = {}): Promise<RedisLedger> {
  return RedisLedger.open(url, {
    processorNames: NAMES,
    clock: systemClock,
    random: eager(),
    graceMs: GRACE_MS,
    ...change,
  });
}

/** A unique id for each ledger, then short waits before it reconnects. */
function eager(): () => number {
  let drawn = 0;
  return () => (drawn++ < 8 ? Math.random() : 0.04);
}

async function answers(ledger: Ledger): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while ((await ledger.ping()).kind === 'unavailable') {
    if (performance.now() > deadlineMs) throw new Error('the ledger did not become available in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function acquire(ledger: Ledger, worker = WORKER): Promise<number> {
  return must(ledger.acquireLease(worker, FOREVER_MS));
}

async function claim(ledger: Ledger, owner: number, ...claims: Claim[]) {
  return (await must(ledger.commit(owner, [], claims))).claimed;
}

async function settle(ledger: Ledger, owner: number, ...settlements: Settlement[]) {
  return (await must(ledger.commit(owner, settlements, []))).settled;
}

function find(ledger: Ledger, number: number): Promise<LedgerEntry | undefined> {
  return must(ledger.find(id(number)));
}

function times(count: number) {
  return { count, amountCents: count * 1990 };
}

test('if nothing was lost, nothing is restored', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2), claimOf(3, { processor: null }));
    await settle(ledger, owner, settlementOf(1));
    const before = [await find(ledger, 1), await find(ledger, 2), await find(ledger, 3)];
    const [record] = await must(ledger.owners());
    await forgetSince(server.moment);
    assert.equal([await find(ledger, 1), await find(ledger, 2), await find(ledger, 3)], before);
    assert.equal(await must(ledger.owners()), [record]);
    assert.equal(await sumsOf(ledger), [times(1), NOTHING]);
  });
});

test('the settlements and claims of a lost commit are restored once', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const ledger = await connect();
    const owner = await acquire(ledger);
    await claim(ledger, owner, claimOf(1), claimOf(2));
    const { moment } = server;
    const invalid = settlementOf(2, { status: 'rejected', reason: 'amount of Zürich' });
    await must(ledger.commit(owner, [settlementOf(1), invalid], [claimOf(3, { processor: 1 })]));
    await forgetSince(moment);
    assert.is((await find(ledger, 1))?.status, 'settled');
    assert.is((await find(ledger, 2))?.reason, 'amount of Zürich');
    assert.equal((await find(ledger, 3))?.processor, 1);
    assert.equal(await sumsOf(ledger), [times(1), NOTHING]);
    assert.equal(await settle(ledger, owner, settlementOf(1)), ['recorded'], 'the same reply as before');
    await forgetSince(moment);
    assert.equal(await sumsOf(ledger), [times(1), NOTHING], 'lost twice');
  });
});

test('a gateway whose writes were all lost keeps its owner number, which no other gets', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const ledger = await connect();
    const { moment } = server;
    const owner = await acquire(ledger);
    await must(ledger.renewLease(owner, FOREVER_MS + 1));
    await claim(ledger, owner, claimOf(1), claimOf(2));
    await claim(ledger, owner, claimOf(1, { processor: 1, requestedAtMs: T0_MS + 70 }));
    await settle(ledger, owner, settlementOf(2));
    await forgetSince(moment);
    assert.equal(await must(ledger.owners()), [{ owner, ...WORKER, leaseUntilMs: FOREVER_MS + 1 }]);
    const entry = await find(ledger, 1);
    assert.equal([entry?.processor, entry?.attempts, entry?.owner], [1, 2, owner]);
    assert.equal(await settle(ledger, owner, settlementOf(1, { processor: 1, requestedAtMs: T0_MS + 70 })), [
      'recorded',
    ]);
    assert.equal(await sumsOf(ledger), [times(1), times(1)]);
    assert.ok((await acquire(ledger)) > owner);
  });
});

test('a released owner does not come back, and one with entries stays', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const ledger = await connect();
    const { moment } = server;
    const [gone, left] = [await acquire(ledger), await acquire(ledger)];
    await claim(ledger, left, claimOf(1));
    await must(ledger.releaseLease(gone));
    await must(ledger.releaseLease(left));
    await forgetSince(moment);
    assert.equal(await must(ledger.owners()), [{ owner: left, ...WORKER, leaseUntilMs: 0 }]);
  });
});

for (const [successorFirst, order] of [
  [true, 'successor first'],
  [false, 'former owner first'],
] as const) {
  test(`a takeover, and writes of both owners, are restored with the ${order}`, async () => {
    await onServer(async ({ server, connect, forgetSince }) => {
      // The ledger that waits longer before it reconnects restores last.
      const [early, late] = [eager(), slow()];
      const ledger = await connect({ random: successorFirst ? late : early });
      const other = await connect({ random: successorFirst ? early : late });
      const { moment } = server;
      const [dead, successor] = [await acquire(ledger), await acquire(other, WORKERS[1])];
      await claim(ledger, dead, ...[1, 2, 3, 4].map((number) => claimOf(number)));
      await settle(ledger, dead, settlementOf(1));
      const taken = await must(other.takeOver(dead, successor, 10));
      assert.is(taken.length, 3);
      await settle(other, successor, settlementOf(2));
      await claim(other, successor, claimOf(3, { processor: 1, requestedAtMs: T0_MS + 500 }));
      await forgetSince(moment);
      assert.equal(
        await Promise.all([1, 2, 3, 4].map(async (number) => stateOf(await find(other, number)))),
        [
          ['settled', 0, 0, 1],
          ['settled', 0, 0, 1],
          ['dispatched', successor, 1, 2],
          ['dispatched', successor, 0, 1],
        ],
      );
      assert.is(await must(ledger.renewLease(dead, FOREVER_MS)), false);
      assert.equal(await must(other.takeOver(dead, successor, 10)), [], 'it has no entries');
      assert.equal(await sumsOf(other), [times(2), NOTHING]);
    });
  });
}

/** Like `eager`, but reconnects about 500 ms later. */
function slow(): () => number {
  let drawn = 0;
  return () => (drawn++ < 8 ? Math.random() : 0.9);
}

function stateOf(entry: LedgerEntry | undefined) {
  return [entry?.status, entry?.owner, entry?.processor, entry?.attempts];
}

test('a reservation may be restored after the claim that another connection made of it', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const [front, pool] = [await connect({ random: slow() }), await connect()];
    const [frontOwner, poolOwner] = [await acquire(front), await acquire(pool)];
    const { moment } = server;
    await claim(front, frontOwner, claimOf(1, { processor: null }), claimOf(2, { processor: null }));
    await claim(pool, poolOwner, claimOf(1));
    await forgetSince(moment);
    assert.equal(stateOf(await find(pool, 1)), ['dispatched', poolOwner, 0, 1]);
    assert.equal(stateOf(await find(pool, 2)), ['accepted', frontOwner, null, 0]);
  });
});

for (const order of ['first', 'second'] as const) {
  test(`another amount for the same id is restored ${order}`, async () => {
    await onServer(async ({ server, connect, forgetSince }) => {
      const [one, other] =
        order === 'first'
          ? [await connect({ random: slow() }), await connect()]
          : [await connect(), await connect({ random: slow() })];
      const [owner, otherOwner] = [await acquire(one), await acquire(other)];
      const { moment } = server;
      await claim(one, owner, claimOf(1), claimOf(2));
      await settle(one, owner, settlementOf(2));
      const others = [1, 2].map((number) => claimOf(number, { amountCents: 2490 }));
      assert.equal(await claim(other, otherOwner, ...others), ['conflict', 'conflict']);
      await forgetSince(moment);
      for (const number of [1, 2]) {
        const entry = await find(one, number);
        assert.equal([entry?.amountCents, entry?.conflictingAmountCents], [1990, 2490]);
      }
    });
  });
}

test('a purge: earlier writes are gone again, later ones stay', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const [early, late, purger] = [
      await connect(),
      await connect({ random: slow() }),
      await connect({ random: slow() }),
    ];
    const [one, other] = [await acquire(early), await acquire(late)];
    await claim(early, one, claimOf(1), claimOf(2));
    await settle(early, one, settlementOf(1));
    const { moment } = server;
    await settle(early, one, settlementOf(2));
    await claim(late, other, claimOf(3));
    await must(purger.purge(T0_MS + 1));
    const after = { acceptedAtMs: T0_MS + 2 };
    await claim(early, one, claimOf(4, after), claimOf(5, after));
    await claim(late, other, claimOf(6, after));
    await settle(early, one, settlementOf(4));
    await forgetSince(moment);
    assert.equal(
      await Promise.all([1, 2, 3, 4, 5, 6].map(async (number) => (await find(late, number))?.status)),
      [undefined, undefined, undefined, 'settled', 'dispatched', 'dispatched'],
    );
    assert.equal(await sumsOf(early), [times(1), NOTHING]);
    assert.equal(await claim(early, one, claimOf(7)), ['purged']);
  });
});

test('a restored health turn is not given out again', async () => {
  await onServer(async ({ server, connect, forgetSince }) => {
    const [ledger, other] = [await connect(), await connect()];
    const { moment } = server;
    assert.ok((await must(ledger.takeHealthTurn(0, 0))).isTaken);
    assert.ok((await must(ledger.takeHealthTurn(1, 0))).isTaken);
    const report = { processor: 1, failing: true, minResponseTimeMs: 7, checkedAtMs: T0_MS + 3 };
    await must(ledger.publishHealth(report));
    await forgetSince(moment);
    assert.not((await must(other.takeHealthTurn(0, 0))).isTaken);
    assert.not((await must(other.takeHealthTurn(1, 0))).isTaken);
    const events: unknown[] = [];
    await must(other.subscribe((event) => events.push(event)));
    assert.equal(events, [{ kind: 'health', report }]);
    assert.ok((await must(other.takeHealthTurn(0, 1))).isTaken);
  });
});

/** A gateway that reconnects only after the other has gone on without it. */
async function whileAway(
  before: (away: Ledger, awayOwner: number) => Promise<void>,
  meanwhile: (here: Ledger, hereOwner: number, awayOwner: number) => Promise<void>,
  after: (away: Ledger, here: Ledger, awayOwner: number, hereOwner: number) => Promise<void>,
): Promise<void> {
  await onServer(async ({ server, connect, gate: newGate }) => {
    const gate = await newGate();
    const away = await connect({ graceMs: 50 }, gate.url);
    const here = await connect({ graceMs: 50 });
    const [awayOwner, hereOwner] = [await acquire(away), await acquire(here, WORKERS[1])];
    const { moment } = server;
    await before(away, awayOwner);
    gate.shut();
    await server.forgetSince(moment);
    await answers(here);
    await meanwhile(here, hereOwner, awayOwner);
    gate.reopen();
    await answers(away);
    await after(away, here, awayOwner, hereOwner);
  });
}

test('a claim restored late does not replace a newer claim, and both charges are counted', () =>
  whileAway(
    async (away, owner) => {
      await claim(away, owner, claimOf(1), claimOf(2), claimOf(3));
      await settle(away, owner, settlementOf(2));
    },
    async (here, owner) => {
      const again = [1, 2].map((number) => claimOf(number, { processor: 1, requestedAtMs: T0_MS + 700 }));
      assert.equal(await claim(here, owner, ...again), ['claimed', 'claimed']);
    },
    async (away, here, awayOwner, hereOwner) => {
      assert.equal(stateOf(await find(here, 1)), ['dispatched', hereOwner, 1, 1]);
      assert.equal(stateOf(await find(here, 3)), ['dispatched', awayOwner, 0, 1]);
      assert.equal(await sumsOf(here), [times(1), NOTHING], 'settled by the first owner');
      assert.equal(await settle(away, awayOwner, settlementOf(1)), ['recorded'], 'charged there as well');
      assert.equal(await settle(away, awayOwner, settlementOf(1)), ['fenced'], 'once');
      const there = { processor: 1, requestedAtMs: T0_MS + 700 };
      assert.equal(await settle(here, hereOwner, settlementOf(1, there)), ['recorded']);
      assert.equal(await sumsOf(here), [times(2), times(1)]);
    },
  ));

test('the charge of a claim restored late is counted once, at whichever processor the payment ends', () =>
  whileAway(
    async (away, owner) => {
      await claim(away, owner, claimOf(1), claimOf(2));
    },
    async (here, owner) => {
      await claim(here, owner, ...[1, 2].map((number) => claimOf(number, { processor: 1 })));
    },
    async (away, here, awayOwner, hereOwner) => {
      assert.equal(await settle(away, awayOwner, settlementOf(1)), ['recorded']);
      // The other processor refused both; the first says that it has them.
      await claim(here, hereOwner, claimOf(1), claimOf(2));
      const both = [settlementOf(1), settlementOf(2)];
      assert.equal(await settle(here, hereOwner, ...both), ['recorded', 'recorded']);
      assert.equal(
        await settle(away, awayOwner, settlementOf(2)),
        ['recorded'],
        'already settled by the other owner',
      );
      assert.equal(await sumsOf(here), [times(2), NOTHING]);
    },
  ));

test('a claim restored late for the same processor changes nothing, since the processor charges once', () =>
  whileAway(
    async (away, owner) => {
      await claim(away, owner, claimOf(1), claimOf(2));
      await settle(away, owner, settlementOf(2));
    },
    async (here, owner) => {
      assert.equal(
        await claim(here, owner, ...[1, 2].map((number) => claimOf(number, { requestedAtMs: T0_MS + 700 }))),
        ['claimed', 'claimed'],
      );
    },
    async (away, here, awayOwner, hereOwner) => {
      assert.is(
        (await find(here, 2))?.status,
        'settled',
        'the outcome is certain, no matter who owns the entry',
      );
      assert.equal(await settle(here, hereOwner, settlementOf(2)), ['recorded'], 'already in this state');
      assert.equal(await settle(away, awayOwner, settlementOf(1)), ['fenced']);
      assert.equal(await settle(here, hereOwner, settlementOf(1)), ['recorded']);
      assert.equal(await sumsOf(here), [times(2), NOTHING]);
    },
  ));

test('entries that a gateway restores after it was taken over can be taken over too', () =>
  whileAway(
    async (away, owner) => {
      await claim(away, owner, claimOf(1));
    },
    async (here, owner, awayOwner) => {
      assert.equal(await must(here.takeOver(awayOwner, owner, 10)), []);
    },
    async (away, here, awayOwner, hereOwner) => {
      assert.is(await must(away.renewLease(awayOwner, FOREVER_MS)), false);
      const taken = await must(here.takeOver(awayOwner, hereOwner, 10));
      assert.equal(
        taken.map((entry) => [entry.correlationId, entry.requestedAtMs]),
        [[id(1), T0_MS + 1]],
      );
    },
  ));

test('an owner without entries left is listed again when entries are restored late', async () => {
  await onServer(async ({ server, connect, gate: newGate }) => {
    const gate = await newGate();
    const away = await connect({ graceMs: 50 }, gate.url);
    const here = await connect({ graceMs: 50 });
    const [awayOwner, hereOwner] = [await acquire(away), await acquire(here, WORKERS[1])];
    await claim(away, awayOwner, claimOf(1));
    const { moment } = server;
    await claim(away, awayOwner, claimOf(2));
    gate.shut();
    await server.forgetSince(moment);
    await answers(here);
    assert.is((await must(here.takeOver(awayOwner, hereOwner, 10))).length, 1);
    // The successor had no room left, or was taken over itself, so it does not ask again.
    gate.reopen();
    await answers(away);
    assert.ok((await must(here.owners())).some(({ owner }) => owner === awayOwner));
    const taken = await must(here.takeOver(awayOwner, hereOwner, 10));
    assert.equal(
      taken.map((entry) => entry.correlationId),
      [id(2)],
    );
  });
});

test('a purge restored late removes no newer writes', () =>
  whileAway(
    async (away, owner) => {
      await must(away.purge(T0_MS));
      await claim(away, owner, claimOf(1));
    },
    async (here, owner) => {
      await claim(here, owner, claimOf(2));
    },
    async (_, here, awayOwner, hereOwner) => {
      assert.is((await find(here, 1))?.owner, awayOwner);
      assert.is((await find(here, 2))?.owner, hereOwner);
    },
  ));

test('commits are refused while the kept writes reach the limit, until Redis can no longer lose them', async () => {
  await onServer(async ({ connect }) => {
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const ledger = await connect({ clock, retainedBytes: 2000, timeoutMs: 10_000 });
    const owner = await acquire(ledger);
    let count = 0;
    let reply = await ledger.commit(owner, [], [claimOf(0)]);
    while (reply.kind === 'ok') reply = await ledger.commit(owner, [], [claimOf(++count)]);
    assert.match(reply.reason, /may still lose/);
    assert.ok(count > 1);
    assert.is(await find(ledger, count), undefined);
    nowMs += 3000;
    await claim(ledger, owner, claimOf(count));
  });
});

/** Records the restored writes by their first argument. */
function recorder() {
  const restored: string[] = [];
  let number = 1000;
  const restore: Restore = async (name, args) => {
    restored.push(name === 'restorePurge' ? 'purge' : String(args[0]));
    return { number: ++number, generation: 0 };
  };
  return { restored, restore };
}

test('a write is kept until Redis answers a call sent late enough after it', async () => {
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const retained = new Retained({ clock, retentionMs: 3000, limitBytes: 1e6 });
  for (const number of [1, 2, 3, 4]) {
    nowMs = 1000 * number;
    retained.keep({ number, generation: 0 }, 'renewLease', [String(number)]);
  }
  nowMs = 3_600_000;
  retained.answered(4500);
  const { restored, restore } = recorder();
  await retained.restore(restore, [{ after: 2, upTo: 100 }], false);
  assert.equal(restored, ['purge', '3', '4']);
  await retained.restore(restore, [{ after: 2, upTo: 100 }], false);
  assert.equal(restored, ['purge', '3', '4'], 'not the writes acknowledged since');
  await retained.restore(restore, [{ after: 0, upTo: 2000 }], true);
  assert.equal(restored, ['purge', '3', '4', '2', '3', '4'], 'the first had been dropped');
});

test('an interrupted restore continues where it stopped', async () => {
  const retained = new Retained({ clock: systemClock, retentionMs: 3000, limitBytes: 1e6 });
  for (const number of [1, 2, 3]) retained.keep({ number, generation: 0 }, 'renewLease', [String(number)]);
  const { restored, restore } = recorder();
  const broken: Restore = async (name, args) => {
    if (args[0] === '2') throw new Error('gone');
    return restore(name, args);
  };
  const gaps = [{ after: 0, upTo: 100 }];
  await retained.restore(broken, gaps, true).catch(() => {});
  await retained.restore(restore, gaps, true);
  assert.equal(restored, ['1', '2', '3']);
});

// Random histories

const PAYMENTS = 40;
const STEPS = 60;

/** Redis and the model, which get the same calls; Redis loses writes in between. */
class Pair {
  readonly #redis: readonly RedisLedger[];
  readonly #model: readonly MemoryLedger[];
  readonly #random: Random;
  /** By worker: the owner in Redis and in the model. */
  readonly #owners: [redis: number, model: number][] = [];
  readonly #modelOf = new Map<number, number>([[0, 0]]);
  /** Owners that took over in this life. They are not taken over here: a restore may leave entries with them. */
  readonly #successors = new Set<number>();
  #nowMs = T0_MS;

  constructor(redis: readonly RedisLedger[], random: Random) {
    const store = new MemoryStore();
    this.#redis = redis;
    this.#model = redis.map(() => new MemoryLedger(NAMES, store));
    this.#random = random;
  }

  async acquireAll(): Promise<void> {
    for (const worker of this.#redis.keys()) await this.#acquire(worker);
  }

  async step(): Promise<void> {
    this.#nowMs += 10;
    const worker = this.#random.int(0, this.#redis.length - 1);
    const draw = this.#random.int(1, 100);
    if (draw <= 80) await this.#commit(worker);
    else if (draw <= 90) await this.#takeOver(worker);
    else if (draw <= 95) await this.#both(worker, (ledger, owner) => ledger.renewLease(owner, this.#nowMs));
    else if (draw <= 98) await this.#acquire(worker);
    else await this.#both(worker, (ledger) => ledger.purge(this.#nowMs));
  }

  async compare(): Promise<void> {
    this.#successors.clear();
    const [redis, model] = [this.#redis[0] as RedisLedger, this.#model[0] as MemoryLedger];
    for (let number = 0; number < PAYMENTS; number++) {
      const entry = await find(redis, number);
      const expected = await find(model, number);
      // Two posts of an id have two times, and Redis may have lost which was first.
      const acceptedAtMs = expected?.acceptedAtMs;
      const owner = this.#modelOf.get(entry?.owner ?? 0);
      assert.equal(entry && { ...entry, owner, acceptedAtMs }, expected, `payment ${number}`);
    }
    assert.equal(await sumsOf(redis), await sumsOf(model));
    const window = [T0_MS + this.#random.int(0, 300), T0_MS + this.#random.int(300, 900)] as const;
    assert.equal(await must(redis.summary(...window)), await must(model.summary(...window)));
  }

  async #acquire(worker: number): Promise<void> {
    const [redis, model] = [this.#redis[worker] as RedisLedger, this.#model[worker] as MemoryLedger];
    const owners: [number, number] = [
      await acquire(redis, WORKERS[worker]),
      await acquire(model, WORKERS[worker]),
    ];
    assert.not(this.#modelOf.has(owners[0]), 'an owner number must not be used twice');
    this.#modelOf.set(...owners);
    this.#owners[worker] = owners;
  }

  async #commit(worker: number): Promise<void> {
    const random = this.#random;
    const claims = this.#some(() => {
      const number = random.int(0, PAYMENTS - 1);
      const processor = random.chance(0.2) ? null : random.int(0, 1);
      const amountCents = random.chance(0.9) ? 1990 : 2490;
      const [acceptedAtMs, requestedAtMs] = [this.#nowMs, this.#nowMs];
      return claimOf(number, { processor, amountCents, acceptedAtMs, requestedAtMs });
    });
    const entries = await Promise.all(
      this.#some(() => find(this.#model[worker] as MemoryLedger, random.int(0, PAYMENTS - 1))),
    );
    const settlements = entries
      .filter((entry) => entry?.status === 'dispatched')
      .map((entry) => ({
        correlationId: entry?.correlationId ?? '',
        status: random.chance(0.9) ? ('settled' as const) : ('rejected' as const),
        processor: entry?.processor ?? 0,
        amountCents: 1990,
        requestedAtMs: entry?.requestedAtMs ?? 0,
        reason: 'because',
      }));
    await this.#both(worker, (ledger, owner) => ledger.commit(owner, settlements, claims));
  }

  #some<T>(one: () => T): T[] {
    return Array.from({ length: this.#random.int(0, 4) }, one);
  }

  async #takeOver(worker: number): Promise<void> {
    const from = this.#random.int(0, this.#redis.length - 1);
    const [dead, successor] = [this.#owners[from], this.#owners[worker]];
    if (dead === undefined || successor === undefined || from === worker || this.#successors.has(dead[0]))
      return;
    this.#successors.add(successor[0]);
    const sorted = (entries: LedgerEntry[]) => entries.map((entry) => entry.correlationId).sort();
    const [redis, model] = [this.#redis[worker] as RedisLedger, this.#model[worker] as MemoryLedger];
    const all = await Promise.all(Array.from({ length: PAYMENTS }, (_, number) => find(model, number)));
    // An owner fenced without entries may be alive again, which is harmless.
    if (!all.some((entry) => entry?.owner === dead[1])) return;
    assert.equal(
      sorted(await must(redis.takeOver(dead[0], successor[0], 1000))),
      sorted(await must(model.takeOver(dead[1], successor[1], 1000))),
    );
  }

  async #both(
    worker: number,
    ask: (ledger: Ledger, owner: number) => Promise<Reply<unknown>>,
  ): Promise<void> {
    const [redis, model] = this.#owners[worker] as [number, number];
    assert.equal(
      await must(ask(this.#redis[worker] as RedisLedger, redis)),
      await must(ask(this.#model[worker] as MemoryLedger, model)),
    );
  }
}

/** The last ones failed once. */
const SEEDS = [1, 2, 3, 120];

for (const seed of SEEDS) {
  test(`a random history is complete after any loss, seed ${seed}`, async () => {
    await onServer(async ({ server, connect, forgetSince }) => {
      const random = new Random(seed);
      const pair = new Pair([await connect(), await connect(), await connect()], random);
      await pair.acquireAll();
      for (let life = 0; life < 3; life++) {
        const moments = [server.moment];
        for (let step = 0; step < STEPS; step++) {
          await pair.step();
          moments.push(server.moment);
        }
        await forgetSince(moments[random.int(0, STEPS)] ?? 0);
        await pair.compare();
      }
    });
  });
}

test.run();
