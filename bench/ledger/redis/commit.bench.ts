import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, Reply, Settlement } from '../../../src/ledger/ledger.ts';
import { RedisBooks } from '../../../src/ledger/redis/books.ts';
import { Committer } from '../../../src/ledger/redis/commit.ts';
import { newDriver } from '../../../src/ledger/redis/driver.ts';
import { BookKeys } from '../../../src/ledger/redis/keys.ts';
import { LIBRARY } from '../../../src/ledger/redis/library.ts';
import { RedisOutbox } from '../../../src/ledger/redis/outbox.ts';
import { doubleBytes, idPositions, workerBytes, writeCommit } from '../../../src/ledger/redis/records.ts';
import { ONLY_SHARD } from '../../../src/ledger/sharded/shard-place.ts';
import { RedisServer } from '../../../test/ledger/redis/redis-server.ts';
import { must } from '../../../test/ledger/samples.ts';
import { claimOf, settlementOf } from '../payments.ts';
import { redisCpuUs } from './redis-cpu.ts';

/**
 * Two forms of a commit, in turns: one call of the function `commit`, and a MULTI of one call for the settlements and one for
 * the claims. Each with a Redis that syncs every write, and with one that syncs once a second. CPU time per payment, in
 * gateway and Redis, and how long a commit takes; medians of the rounds.
 */
const BATCHES = [1, 32, 256] as const;
const ROOT = '{bench}:';

const isSmoke = process.env['BENCH_SMOKE'] === '1';
const ROUNDS = isSmoke ? 1 : 7;
const COMMITS_A_ROUND = isSmoke ? 4 : 50;
const PAYMENTS_A_ROUND = isSmoke ? 256 : 4096;

interface Cost {
  readonly nodeUs: number;
  readonly redisUs: number;
  readonly commitMs: number;
}

type Commit = (settlements: readonly Settlement[], claims: readonly Claim[]) => Promise<Reply<unknown>>;

let payments = 0;
const servers = [await serverWith('always'), await serverWith('everysec')];
for (const batch of BATCHES) {
  const rows = servers.flatMap(({ policy, server, forms }) =>
    Object.entries(forms).map(([form, commit]) => ({ policy, server, form, commit, costs: [] as Cost[] })),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of rows) row.costs.push(await measure(row.server, row.commit, batch));
  }
  console.table(
    rows.map(({ policy, form, costs }) => ({
      batch,
      appendfsync: policy,
      form,
      'node µs/payment': median(costs.map(({ nodeUs }) => nodeUs)).toFixed(1),
      'redis µs/payment': median(costs.map(({ redisUs }) => redisUs)).toFixed(1),
      'ms/commit': median(costs.map(({ commitMs }) => commitMs)).toFixed(2),
    })),
  );
}
for (const { books, server } of servers) {
  books.close();
  await server.stop();
}

async function serverWith(policy: 'always' | 'everysec') {
  const server = await RedisServer.start('--appendfsync', policy);
  const books = new RedisBooks({
    root: ROOT,
    slot: null,
    place: ONLY_SHARD,
    mayMake: () => true,
    processorNames: ['default', 'fallback'],
    clock: systemClock,
    random: Math.random,
    timeoutMs: 10_000,
    pendingLimit: 1024,
    replicas: 0,
    allowsUnconfirmed: true,
    failsOver: false,
    newDriver: () => newDriver(server.socketUrl, {}, 10_000, 1024),
    opened: async () => {},
    confirmedBy: () => {},
  });
  await books.tried;
  const worker = workerBytes({ instanceId: 'bench', name: 'pool-0' });
  const owner = Number(await must(books.call('acquireLease', books.session, doubleBytes(Infinity), worker)));
  const id = String(await must(books.ask((send) => send(['HGET', `${ROOT}meta`, 'books']))));
  const committer = new Committer(books, new RedisOutbox(books, null));
  // None of its runs is long enough for upkeep.
  const keys = new BookKeys(ROOT, '0:1024');
  const callOf = (settlements: readonly Settlement[], claims: readonly Claim[]) => {
    const payload = writeCommit(books.session, owner, settlements, claims, books.processors);
    const all = [
      ...[`${ROOT}meta`, `${ROOT}processors`, keys.owner(owner)],
      ...keys.timeIndex(settlements),
      ...keys.entries(payload, idPositions(payload)),
    ];
    return ['FCALL', `${LIBRARY}_commit`, String(all.length), ...all, '', id, keys.places, payload, ''];
  };
  const forms: Readonly<Record<string, Commit>> = {
    'one call': (settlements, claims) => committer.commit(owner, settlements, claims),
    MULTI: (settlements, claims) =>
      books.ask((send) =>
        Promise.all([
          send(['MULTI']),
          ...(settlements.length > 0 ? [send(callOf(settlements, []))] : []),
          send(callOf([], claims)),
          send(['EXEC']),
        ]),
      ),
  };
  return { policy, server, books, forms };
}

async function measure(server: RedisServer, commit: Commit, batch: number): Promise<Cost> {
  const startMs = Date.UTC(2025, 6, 15);
  let claims: Claim[] = [];
  const [node, redisUs, beganMs] = [process.cpuUsage(), redisCpuUs(server), performance.now()];
  const commits = Math.max(COMMITS_A_ROUND, Math.min(500, Math.ceil(PAYMENTS_A_ROUND / batch)));
  for (let count = 0; count < commits; count++) {
    const settlements = claims.map(settlementOf);
    claims = Array.from({ length: batch }, () => claimOf(payments++, startMs, 1));
    await must(commit(settlements, claims));
  }
  const tookMs = performance.now() - beganMs;
  const { user, system } = process.cpuUsage(node);
  const count = commits * batch;
  return {
    nodeUs: (user + system) / count,
    redisUs: (redisCpuUs(server) - redisUs) / count,
    commitMs: tookMs / commits,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
