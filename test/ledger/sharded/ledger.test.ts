import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LedgerEvent, NoSum, Reply } from '../../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../../src/ledger/memory/store.ts';
import { ledgerOf } from '../../../src/ledger/sharded/ledger.ts';
import { Mood, moody } from '../moody-ledger.ts';
import { claimOf, id, must, settlementOf, T0_MS } from '../samples.ts';

const NAMES = ['default', 'fallback'];
const COUNT = 20;

/** A ledger of three shards with settled payments, and how each shard behaves. */
async function setUp() {
  const stores = [0, 1, 2].map(() => new MemoryStore());
  const moods = stores.map(() => new Mood());
  const shards = stores.map((store, at) => moody(new MemoryLedger(NAMES, store), moods[at] as Mood));
  const ledger = ledgerOf(shards);
  for (const [at, shard] of shards.entries()) {
    const owner = await must(shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
    const numbers = Array.from({ length: COUNT }, (_, number) => number).filter(
      (number) => ledger.shardOf(id(number)) === at,
    );
    const claims = numbers.map((number) => claimOf(number));
    await must(shard.commit(owner, [], claims));
    await must(
      shard.commit(
        owner,
        numbers.map((number) => settlementOf(number)),
        [],
      ),
    );
  }
  return { ledger, stores, moods: moods as [Mood, Mood, Mood] };
}

function refused(reply: Reply<unknown> | NoSum, reason: string): void {
  assert.equal(reply, { kind: 'unavailable', reason });
}

test('a ledger of one shard is that shard', () => {
  const only = new MemoryLedger(NAMES);
  assert.is(ledgerOf([only]), only);
  assert.equal(only.shards, [only]);
  assert.is(only.shardOf(), 0);
});

test('a total over all shards, or none: a shard that is away is not left out', async () => {
  const { ledger, moods } = await setUp();
  const [total] = await must(ledger.summary(-Infinity, Infinity));
  assert.equal(total, { name: 'default', count: COUNT, amountCents: COUNT * 1990 });
  for (const [at, { away }] of moods.entries()) {
    for (const call of ['summary', 'stranded'] as const) away.add(call);
    refused(await ledger.summary(-Infinity, Infinity), `shard ${at} of 3: away`);
    refused(await ledger.stranded(T0_MS), `shard ${at} of 3: away`);
    away.clear();
  }
  assert.equal((await must(ledger.summary(-Infinity, Infinity)))[0], total);
});

test('shards that are folded differently refuse what any of them refuses, and say what would do for all', async () => {
  const { ledger, stores } = await setUp();
  for (const [at, store] of stores.entries()) {
    store.folded = { secondsMs: T0_MS + 60_000 * (3 - at), minutesMs: T0_MS + (at === 1 ? 0 : -7_200_000) };
  }
  const folded = { secondsMs: T0_MS + 180_000, minutesMs: T0_MS };
  assert.equal((await must(ledger.foldedTime())).folded, folded);
  assert.equal(await ledger.summary(T0_MS + 5, Infinity), { kind: 'too-fine', bound: 'from', folded });
  const [first] = await must(ledger.summary(T0_MS, T0_MS + 59_999));
  assert.is(first?.count, COUNT);
});

test('a payment is found while other shards are away, and is unavailable without its own', async () => {
  const { ledger, moods } = await setUp();
  for (let number = 0; number < COUNT; number++) {
    const own = ledger.shardOf(id(number));
    for (const [at, { away }] of moods.entries()) if (at !== own) away.add('find');
    assert.is((await must(ledger.find(id(number))))?.status, 'settled');
    for (const { away } of moods) away.clear();
    moods[own]?.away.add('find');
    refused(await ledger.find(id(number)), `shard ${own} of 3: away`);
    moods[own]?.away.clear();
  }
});

test('it can be used while any shard can', async () => {
  const { ledger, moods } = await setUp();
  const [first, second, third] = moods;
  first.away.add('ping');
  const hung = second.slow('ping');
  assert.is((await ledger.ping()).kind, 'ok', 'without waiting for the one that is silent');
  third.away.add('ping');
  const asked = ledger.ping();
  hung();
  assert.is((await asked).kind, 'ok');
  second.away.add('ping');
  refused(await ledger.ping(), 'away');
});

test('a purge is told to instances only when every shard is empty, and another completes it', async () => {
  const { ledger, stores, moods } = await setUp();
  const heard: LedgerEvent[] = [];
  await must(ledger.subscribe((event) => heard.push(event)));
  moods[2].away.add('purge');
  refused(await ledger.purge(T0_MS + 1000), 'shard 2 of 3: away');
  assert.equal(heard, []);
  assert.ok((stores[0]?.entries.size ?? 0) > 0, 'shard 0 waits for the others');
  moods[2].away.clear();
  moods[1].forgetful.add('purge');
  refused(await ledger.purge(T0_MS + 1001), 'shard 1 of 3: no answer');
  assert.equal(heard, []);
  moods[1].forgetful.clear();
  await must(ledger.purge(T0_MS + 1002));
  assert.equal(heard, [{ kind: 'purged', purgedAtMs: T0_MS + 1002 }]);
  for (const { entries, purgedAtMs } of stores) {
    assert.is(entries.size, 0);
    assert.is(purgedAtMs, T0_MS + 1002, 'one moment for all');
  }
});

test('pages go from shard to shard, and one that is away is not skipped', async () => {
  const { ledger, moods } = await setUp();
  moods[1].away.add('page');
  const seen: string[] = [];
  let after: string | null = '';
  while (after !== null) {
    const reply = await ledger.page(-Infinity, Infinity, after, 3);
    if (reply.kind === 'unavailable') {
      assert.is(reply.reason, 'shard 1 of 3: away');
      moods[1].away.clear();
      continue;
    }
    seen.push(...reply.value.entries.map(({ correlationId }) => correlationId));
    after = reply.value.next;
  }
  assert.equal(
    seen.sort(),
    Array.from({ length: COUNT }, (_, number) => id(number)),
  );
});

test('health turns, health and events are those of shard 0', async () => {
  const { ledger, moods } = await setUp();
  const report = { processor: 1, failing: true, minResponseTimeMs: 7, checkedAtMs: T0_MS };
  assert.is((await must(ledger.takeHealthTurn(1, 0))).isTaken, true);
  await must(ledger.publishHealth(report));
  assert.equal(
    moods.map((mood) => mood.count('takeHealthTurn') + mood.count('publishHealth')),
    [2, 0, 0],
  );
  moods[0].away.add('takeHealthTurn').add('publishHealth').add('subscribe');
  const reason = 'shard 0 of 3: away';
  refused(await ledger.takeHealthTurn(1, 1), reason);
  refused(await ledger.publishHealth(report), reason);
  refused(await ledger.subscribe(() => {}), reason);
});

test.run();
