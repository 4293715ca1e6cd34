import { suite, test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { slotOf } from '../../../src/ledger/redis/hash-slot.ts';
import { RedisLedger, type RedisLedgerOptions } from '../../../src/ledger/redis/ledger.ts';
import { ledgerOf } from '../../../src/ledger/sharded/ledger.ts';
import { pause } from '../../system/until.ts';
import { conformance } from '../conformance.ts';
import { SCENARIOS } from './cluster-scenarios.ts';
import { RedisCluster } from './redis-cluster.ts';
import { SteadyLoad } from './steady-load.ts';
import { until } from './waiting.ts';

let shared: Promise<RedisCluster> | undefined;
let roots = 0;

function sharedCluster(): Promise<RedisCluster> {
  shared ??= RedisCluster.start();
  return shared;
}

function open(url: string, root: string, change: Partial<RedisLedgerOptions> = {}): Promise<RedisLedger> {
  const parts = { processorNames: ['default', 'fallback'], clock: systemClock, random: Math.random };
  return RedisLedger.open(url, { ...parts, root, replicas: 1, timeoutMs: 1000, ...change });
}

const SHARDS = 4;
/** The promises do not depend on how fast seven servers answer on a busy machine. */
const PATIENT_MS = 20_000;

conformance(`a cluster with ${SHARDS} shards`, async () => {
  const { url } = await sharedCluster();
  const own = Array.from({ length: SHARDS }, (_, position) => {
    return { root: `{cluster-${roots++}}:`, place: { position, count: SHARDS } };
  });
  return {
    open: async (processorNames, outbox) =>
      ledgerOf(
        await Promise.all(
          own.map(({ root, place }) =>
            open(url, root, { processorNames, place, outbox, timeoutMs: PATIENT_MS }),
          ),
        ),
      ),
    dispose: async () => {},
  };
});

const scenarios = suite('what goes wrong in a cluster');
for (const [name, run] of Object.entries(SCENARIOS)) scenarios(name, async () => run(await sharedCluster()));
scenarios.run();

const WORKERS = 4;
const PAYMENTS_BETWEEN = 100;

/** Claims and settles all the while, and at the end looks at each payment. */
async function underLoad(
  disturb: (slot: number, passed: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { url } = await sharedCluster();
  const root = `{load-${roots++}}:`;
  const load: SteadyLoad = new SteadyLoad(
    WORKERS,
    () => open(url, root),
    async (ledger) => {
      const sums = await ledger.summary(-Infinity, Infinity);
      if (sums.kind === 'ok') assert.ok((sums.value[0]?.count ?? 0) >= load.confirmed.length - WORKERS);
    },
  );
  const passed = () => {
    const goal = load.confirmed.length + PAYMENTS_BETWEEN;
    return until(() => load.confirmed.length >= goal, 120_000);
  };
  try {
    await Promise.race([load.working, passed().then(() => disturb(slotOf(root), passed))]);
    await load.end();
  } finally {
    await load.close();
  }
}

test('a slot moves forth and back under load', () =>
  underLoad(async (slot, passed) => {
    const cluster = await sharedCluster();
    for (let round = 0; round < 3; round++) {
      const owner = await cluster.ownerOf(slot);
      const other = (await cluster.masters()).find((node) => node !== owner);
      assert.ok(other);
      // Slowly, so that the gateway sees every state in between.
      const move = await cluster.beginMove(slot, other);
      while ((await move.step(3)) > 0) await pause(5);
      await move.end();
      await passed();
    }
  }));

test('masters are killed under load, and their replicas take over', () =>
  underLoad(async (slot, passed) => {
    const cluster = await sharedCluster();
    for (let round = 0; round < 2; round++) {
      const owner = await cluster.ownerOf(slot);
      await owner.kill('SIGKILL');
      await cluster.ownerLeft(slot, owner);
      await owner.start();
      await cluster.settled();
      await passed();
    }
  }));

test.after(async () => (await shared)?.stop());
test.run();
