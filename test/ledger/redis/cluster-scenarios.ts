import * as assert from 'uvu/assert';
import type { CommitReply, Reply } from '../../../src/ledger/ledger.ts';
import { slotOf } from '../../../src/ledger/redis/hash-slot.ts';
import type { RedisLedger, RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { LIBRARY_SOURCE } from '../../../src/ledger/redis/library.ts';
import { pause } from '../../system/until.ts';
import { claimOf, id, must, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { hashKeyOf } from './hash-key.ts';
import { openRedis } from './open-redis.ts';
import { operate } from './operate.ts';
import type { RedisCluster } from './redis-cluster.ts';
import type { RedisServer } from './redis-server.ts';
import { answers, persist } from './waiting.ts';

/** What goes wrong in a cluster, on purpose and step by step. Each throws if the books are torn or a payment is claimed twice. */
export type Scenario = keyof typeof SCENARIOS;

const WORKER = { instanceId: 'gateway-1', name: 'pool-0' };
/** The payments of the scenarios lie in seconds and hours of their own, so that settling them creates keys. */
const PAYMENTS = [1, 5_000_000, 90_000_000];

let scenes = 0;

interface Scene {
  readonly cluster: RedisCluster;
  readonly root: string;
  readonly slot: number;
  open(change?: Partial<RedisLedgerOptions>): Promise<RedisLedger>;
}

/** New books in a slot of their own. */
async function withBooks(cluster: RedisCluster, run: (scene: Scene) => Promise<void>): Promise<void> {
  const root = `{scene-${process.pid}-${scenes++}}:`;
  const opened: RedisLedger[] = [];
  try {
    await run({
      cluster,
      root,
      slot: slotOf(root),
      open: async (change) => {
        const options = { root, replicas: 1, timeoutMs: 1000, ...change };
        const ledger = await openRedis(cluster.url, options);
        opened.push(ledger);
        return ledger;
      },
    });
  } finally {
    for (const ledger of opened) await ledger.close();
  }
}

async function anotherMaster({ cluster, slot }: Scene): Promise<RedisServer> {
  const owner = await cluster.ownerOf(slot);
  for (const other of await cluster.masters()) if (other !== owner) return other;
  throw new Error('expected a second master');
}

/** The slot moves key by key, and after each key the gateway tries everything. */
async function keyByKey(cluster: RedisCluster): Promise<void> {
  await withBooks(cluster, async (scene) => {
    const ledger = await scene.open();
    await answers(ledger);
    const owner = await must(ledger.acquireLease(WORKER, T0_MS));
    await must(
      ledger.commit(
        owner,
        [],
        PAYMENTS.map((number) => claimOf(number)),
      ),
    );
    const move = await cluster.beginMove(scene.slot, await anotherMaster(scene));
    const settle = () =>
      ledger.commit(
        owner,
        PAYMENTS.map((number) => settlementOf(number)),
        [],
      );
    for (let left = 1; left > 0; left = await move.step(1)) {
      await settle();
      const found = await ledger.find(id(1));
      assert.ok(found.kind === 'unavailable' || found.value !== undefined, 'a payment is missing');
      const sums = await ledger.summary(-Infinity, Infinity);
      if (sums.kind === 'ok') assert.is(sums.value[0]?.count, 0, 'nothing can be settled before');
      const page = await ledger.page(0, Infinity, '', 100);
      if (page.kind === 'ok') assert.is(page.value.next === null ? page.value.entries.length : 3, 3);
    }
    await move.end();
    assert.equal((await persist(settle)).settled, ['recorded', 'recorded', 'recorded']);
    assert.is((await sumsOf(ledger))[0]?.count, PAYMENTS.length, 'the books are torn');
    for (const number of PAYMENTS) assert.is((await must(ledger.find(id(number))))?.status, 'settled');
    await cluster.moveSlot(scene.slot, move.from);
    assert.is((await persist(() => ledger.summary(-Infinity, Infinity)))[0]?.count, PAYMENTS.length);
  });
}

/** The slot is about to move, and all keys that a commit names are there; it empties the set of its owner and adds to it. */
async function emptiedBeforeTheMove(cluster: RedisCluster): Promise<void> {
  await withBooks(cluster, async (scene) => {
    const ledger = await scene.open();
    await answers(ledger);
    const owner = await must(ledger.acquireLease(WORKER, T0_MS));
    const settled = (number: number) => settlementOf(number, { fee: { feePpm: 50_000, feeFixedCents: 0 } });
    await must(ledger.commit(owner, [], [claimOf(1)]));
    await must(ledger.commit(owner, [settled(1)], [claimOf(2)]));
    const next = numberBeside(scene.root, 1);
    const move = await cluster.beginMove(scene.slot, await anotherMaster(scene));
    const commit = () => ledger.commit(owner, [settled(2)], [claimOf(next)]);
    await commit();
    while ((await move.step(10)) > 0);
    await move.end();
    assert.equal(await persist(commit), { settled: ['recorded'], claimed: ['claimed'] });
    assert.is((await sumsOf(ledger))[0]?.count, 2, 'the books are torn');
  });
}

/** The number of a payment whose entry is in the same hash as that of `number`. */
function numberBeside(root: string, number: number): number {
  const key = hashKeyOf(root, id(number));
  for (let next = 1000; ; next++) if (hashKeyOf(root, id(next)) === key) return next;
}

/** Where a claim would be answered if the gateway went where it is sent. */
async function onlyMetaHasArrived(cluster: RedisCluster): Promise<void> {
  await withBooks(cluster, async (scene) => {
    const ledger = await scene.open();
    await answers(ledger);
    const [owner, other] = [
      await must(ledger.acquireLease(WORKER, T0_MS)),
      await must(ledger.acquireLease(WORKER, T0_MS)),
    ];
    await must(ledger.commit(owner, [], [claimOf(1)]));
    const target = await anotherMaster(scene);
    // It could run the functions.
    await operate(target, 'FUNCTION', 'LOAD', 'REPLACE', LIBRARY_SOURCE);
    const move = await cluster.beginMove(scene.slot, target);
    await move.take([`${scene.root}meta`, `${scene.root}processors`]);
    const claim = () => ledger.commit(other, [], [claimOf(1, { processor: 1 })]);
    refuses(await claim());
    while ((await move.step(10)) > 0) refuses(await claim());
    await move.end();
    assert.equal((await persist(claim)).claimed, ['known']);
  });
}

/** The master dies while its slot moves, and its replica does not know that keys have left. */
async function promotedMeanwhile(cluster: RedisCluster): Promise<void> {
  await withBooks(cluster, async (scene) => {
    const ledger = await scene.open();
    await answers(ledger);
    const owner = await must(ledger.acquireLease(WORKER, T0_MS));
    await must(ledger.commit(owner, [], [claimOf(1)]));
    const move = await cluster.beginMove(scene.slot, await anotherMaster(scene));
    const key = hashKeyOf(scene.root, id(1));
    await move.take([key]);
    await cluster.replicated(move.from);
    await move.from.kill('SIGKILL');
    await cluster.ownerLeft(scene.slot, move.from);
    const promoted = await cluster.ownerOf(scene.slot);
    await move.from.start();
    await cluster.settled();
    const other = await scene.open();
    // Long enough for several connections.
    const endMs = Date.now() + 3000;
    while (Date.now() < endMs) {
      // Without a connection the replies come at once, and the next attempt needs a turn.
      await pause(5);
      refuses(await other.commit(owner + 1, [], [claimOf(1, { processor: 1 })]));
      assert.is((await other.find(id(1))).kind, 'unavailable', 'a part is taken for the whole');
      assert.is(
        (await other.summary(-Infinity, Infinity)).kind,
        'unavailable',
        'a part is taken for the whole',
      );
    }
    await cluster.bringBack(scene.slot, move.to, promoted);
    await answers(ledger);
    assert.equal((await persist(() => ledger.commit(owner, [settlementOf(1)], []))).settled, ['recorded']);
    assert.is((await sumsOf(ledger))[0]?.count, 1);
  });
}

/** A master that was cut off, and answers after its replica has taken over. */
async function leftBehind(cluster: RedisCluster): Promise<void> {
  await withBooks(cluster, async (scene) => {
    // It does not give up the connection before the others have gone on, which have no replica to wait for meanwhile.
    const patient = await scene.open({ timeoutMs: 60_000 });
    const ledger = await scene.open({ replicas: 0, allowsUnconfirmed: true });
    await answers(ledger);
    const [owner, other] = [
      await must(patient.acquireLease(WORKER, T0_MS)),
      await must(ledger.acquireLease(WORKER, T0_MS)),
    ];
    const former = await cluster.ownerOf(scene.slot);
    former.signal('SIGSTOP');
    try {
      const late = patient.commit(owner, [], [claimOf(1)]);
      await cluster.ownerLeft(scene.slot, former);
      const claimed = await persist(() => ledger.commit(other, [], [claimOf(1, { processor: 1 })]));
      assert.equal(claimed.claimed, ['claimed']);
      former.signal('SIGCONT');
      refuses(await late);
    } finally {
      former.signal('SIGCONT');
    }
    await cluster.settled();
    assert.is((await must(ledger.find(id(1))))?.processor, 1);
  });
}

export const SCENARIOS = {
  keyByKey,
  emptiedBeforeTheMove,
  onlyMetaHasArrived,
  promotedMeanwhile,
  leftBehind,
};

function refuses(reply: Reply<CommitReply>): void {
  assert.is(reply.kind, 'unavailable', 'a payment is claimed twice');
}
