import { rmSync } from 'node:fs';
import { open } from 'lmdb';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditReport, Difference } from '../../src/audit/report.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../src/ledger/lmdb/ledger.ts';
import { entryKey } from '../../src/ledger/lmdb/records.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { scatteredId } from '../../src/ledger/redis/records.ts';
import { hashKeyOf } from '../ledger/redis/hash-key.ts';
import { openRedis } from '../ledger/redis/open-redis.ts';
import { operate } from '../ledger/redis/operate.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { claimOf, must, settlementOf } from '../ledger/samples.ts';
import { idOf } from '../payment-id.ts';
import { ADMIN_TOKEN } from '../simulated/serve-simulated.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { LONG_AGO_MS, NAMES, NOW_MS, Site, type SiteOptions } from './site.ts';

/** A ledger of one kind, and a way to remove a payment from its books behind its back. */
interface Kind {
  readonly name: string;
  open(processorNames?: readonly string[]): Promise<Shard>;
  remove(correlationId: string): Promise<void>;
  dispose(): Promise<void>;
}

function memoryKind(): Kind {
  const store = new MemoryStore();
  return {
    name: 'the memory model',
    open: async (processorNames = NAMES) => new MemoryLedger(processorNames, store),
    remove: async (correlationId) => void store.entries.delete(correlationId),
    dispose: async () => {},
  };
}

function lmdbKind(): Kind {
  const path = temporaryDirectory();
  return {
    name: 'LMDB',
    open: (processorNames = NAMES) => LmdbLedger.open(path, { processorNames, clock: systemClock }),
    remove: async (correlationId) => {
      const root = open<Buffer, Buffer>({
        path,
        noSubdir: false,
        maxDbs: 4,
        encoding: 'binary',
        keyEncoding: 'binary',
      });
      const entries = root.openDB<Buffer, Buffer>('entries', { encoding: 'binary', keyEncoding: 'binary' });
      assert.ok(entries.removeSync(entryKey(correlationId)));
      await root.close();
    },
    dispose: async () => rmSync(path, { recursive: true }),
  };
}

function redisKind(): Kind {
  let server: RedisServer | null = null;
  const running = async () => {
    server ??= await RedisServer.start();
    return server;
  };
  return {
    name: 'Redis',
    open: async (processorNames = NAMES) => {
      const { url } = await running();
      return openRedis(url, { processorNames });
    },
    remove: async (correlationId) => {
      const key = hashKeyOf('{dinossauro}:', correlationId);
      assert.is(await operate(await running(), 'HDEL', key, scatteredId(correlationId)), 1);
    },
    dispose: async () => server?.stop(),
  };
}

type Check = (title: string, use: (site: Site, kind: Kind) => Promise<void>, options?: SiteOptions) => void;

for (const kindOf of [memoryKind, lmdbKind, redisKind]) {
  const test = suite(`an audit of ${kindOf().name}`);
  const check: Check = (title, use, options) =>
    test(title, async () => {
      const kind = kindOf();
      try {
        await Site.run(await kind.open(), (site) => use(site, kind), options);
      } finally {
        await kind.dispose();
      }
    });
  registerAgreement(check);
  registerPlants(check);
  registerRemainders(check);
  registerLimits(check);
  registerEvery(check);
  test.run();
}

function brief({ kind, state, correlationId, there }: Difference) {
  return { kind, state, correlationId, there: there.map(({ processor }) => processor) };
}

function windowsOf(report: AuditReport) {
  return report.processors.flatMap(({ name, windows }) =>
    windows.map(({ state, remainder }) => ({ name, state, remainder })),
  );
}

function registerAgreement(check: Check): void {
  check('books that agree are compared by totals alone', async (site) => {
    for (let number = 1; number <= 20; number++) {
      await site.pay(number, {
        processor: number % 3 === 0 ? 1 : 0,
        requestedAtMs: NOW_MS - number * 20_000,
      });
    }
    const report = await site.report();
    assert.is(report.verdict, 'agrees');
    assert.is(report.lookedUpCount, 0);
    assert.equal(report.problems, []);
    assert.equal(report.processors[1], {
      name: 'fallback',
      here: { count: 6, amountCents: 6 * 1990 },
      there: { count: 6, amountCents: 6 * 1990 },
      windows: [],
    });
    assert.is(report.from, null);
    assert.is(report.to, null);
    assert.is(report.startedAt, '2025-07-15T12:00:00.000Z');
  });

  check('reports a processor that is no longer configured, without asking it', async (site, kind) => {
    await site.pay(1);
    const former = await kind.open(['old']);
    const owner = await must(former.acquireLease({ instanceId: 'gateway-0', name: 'pool-0' }, 0));
    await must(former.commit(owner, [], [claimOf(2), claimOf(3)]));
    await must(former.commit(owner, [settlementOf(2)], []));
    await former.close();
    const report = await site.report();
    assert.is(report.verdict, 'unknown');
    assert.equal(report.processors[2], {
      name: 'old',
      here: { count: 1, amountCents: 1990 },
      there: null,
      windows: [],
    });
    assert.equal(report.problems, [
      '1 payment is open at `old`, which is not configured: add it to PROCESSORS or PROCESSORS_FILE to settle them.',
      '`old` is not configured, so its books were not read.',
    ]);
  });

  check('empty books agree, and so does an empty window', async (site) => {
    assert.is((await site.report()).verdict, 'agrees');
    site.charge(1);
    assert.is((await site.report({ fromMs: 5, toMs: 4 })).verdict, 'agrees');
  });

  check('folded time is compared as a whole, the rest as always', async (site) => {
    const old = { requestedAtMs: NOW_MS - 5 * 86_400_000 };
    for (const number of [1, 2, 3]) await site.pay(number, { requestedAtMs: old.requestedAtMs + number });
    for (const number of [4, 5, 6]) await site.pay(number);
    while (await must(site.ledger.upkeep(NOW_MS, 86_400_000)));
    assert.is((await site.report()).verdict, 'agrees');
    site.charge(7, old);
    site.charge(8);
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    const remainder = { count: 1, amountCents: 1990 };
    assert.equal(
      windowsOf(report).map((window) => window.remainder?.count),
      [4, 1],
      'the books have forgotten the payments of folded time',
    );
    assert.equal(windowsOf(report)[1], { name: 'default', state: 'wrong', remainder });
    assert.is((await site.audit({ fromMs: old.requestedAtMs + 1 })).kind, 'too-fine');
  });

  check('ignores payments outside the window', async (site) => {
    await site.pay(1);
    site.charge(2);
    const after = await site.report({ fromMs: LONG_AGO_MS + 3 });
    assert.is(after.verdict, 'agrees');
    assert.equal(after.processors[0]?.there, { count: 0, amountCents: 0 });
    assert.is((await site.report({ toMs: LONG_AGO_MS + 1 })).verdict, 'agrees');
    const around = await site.report({ fromMs: LONG_AGO_MS + 2, toMs: LONG_AGO_MS + 2 });
    assert.is(around.verdict, 'differs');
    assert.is(around.from, '2025-07-15T11:50:00.002Z');
    assert.is(around.to, '2025-07-15T11:50:00.002Z');
  });
}

function registerPlants(check: Check): void {
  check('a payment in flight is settling', async (site) => {
    await site.pay(1);
    await site.claim(2, { requestedAtMs: NOW_MS - 2000 });
    site.charge(2, { requestedAtMs: NOW_MS - 2000 });
    const report = await site.report();
    assert.is(report.verdict, 'settling');
    assert.equal(report.differenceGroups, [
      { kind: 'only-there', state: 'settling', processors: ['default'], count: 1, amountCents: 1990 },
    ]);
    assert.equal(
      new Set(site.progress.map(({ phase }) => phase)),
      new Set(['totals', 'books', 'lookups', 'again']),
    );
    assert.equal(report.differences, [
      {
        kind: 'only-there',
        state: 'settling',
        correlationId: idOf(2),
        here: {
          status: 'dispatched',
          processor: 'default',
          amountCents: 1990,
          requestedAt: '2025-07-15T11:59:58.000Z',
          attempts: 1,
        },
        there: [{ processor: 'default', amountCents: 1990, requestedAt: '2025-07-15T11:59:58.000Z' }],
        why: 'Sent 2 s ago and held by the processor; still settling here.',
      },
    ]);
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'explained', remainder: { count: 0, amountCents: 0 } },
    ]);
    assert.equal(site.slept.includes(3000), false, 'nothing was overdue');
  });

  check('a lost settlement is overdue after the second look', async (site) => {
    for (let number = 1; number <= 30; number++) await site.pay(number);
    await site.claim(31);
    site.charge(31);
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'only-there', state: 'wrong', correlationId: idOf(31), there: ['default'] },
    ]);
    assert.match(report.differences[0]?.why ?? '', 'overdue');
    assert.is(site.slept.filter((delayMs) => delayMs === 3000).length, 1);
    assert.ok(report.lookedUpCount < 12, 'the period was narrowed first');
  });

  check('a payment that settles between the two looks is not reported', async (site) => {
    await site.pay(1);
    await site.claim(2);
    site.charge(2);
    let settling = Promise.resolve();
    site.onSleep = (delayMs) => {
      if (delayMs === 3000) settling = site.settle(2);
    };
    const report = await site.report();
    await settling;
    assert.is(report.verdict, 'agrees');
    assert.equal(report.differences, []);
    assert.equal(windowsOf(report), []);
  });

  check('settled here but not held there: only-here', async (site) => {
    await site.pay(1);
    await site.claim(2);
    await site.settle(2);
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'only-here', state: 'wrong', correlationId: idOf(2), there: [] },
    ]);
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'explained', remainder: { count: 0, amountCents: 0 } },
    ]);
  });

  check('reports different amounts', async (site) => {
    await site.pay(1);
    await site.claim(2);
    site.charge(2, { amountCents: 1991 });
    await site.settle(2);
    await site.claim(3, { processor: 1 });
    site.charge(3, { processor: 1 });
    await site.settle(3, { processor: 1, amountCents: 5 });
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'amount', state: 'wrong', correlationId: idOf(2), there: ['default'] },
    ]);
    assert.is(report.differences[0]?.there[0]?.amountCents, 1991);
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'explained', remainder: { count: 0, amountCents: 0 } },
      { name: 'fallback', state: 'wrong', remainder: { count: 0, amountCents: 0 } },
    ]);
    const [window] = report.processors[1]?.windows ?? [];
    assert.equal(window?.here, { count: 1, amountCents: 5 });
    assert.equal(window?.listed, { count: 1, amountCents: 1990 });
  });

  check('reports different timestamps, however far apart', async (site) => {
    await site.pay(1);
    await site.claim(2);
    site.charge(2, { requestedAtMs: LONG_AGO_MS - 86_400_000 });
    await site.settle(2);
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'stamp', state: 'wrong', correlationId: idOf(2), there: ['default'] },
    ]);
    assert.is(report.differences[0]?.there[0]?.requestedAt, '2025-07-14T11:50:00.000Z');
    assert.equal(
      windowsOf(report).map(({ state }) => state),
      ['explained', 'explained'],
    );
  });

  check('reports a payment charged twice first, and in capitals', async (site) => {
    await site.pay(1);
    await site.claim(2);
    await site.settle(2);
    await site.pay(3);
    site.charge(3, { processor: 1, requestedAtMs: LONG_AGO_MS + 1 });
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'charged-twice', state: 'wrong', correlationId: idOf(3), there: ['default', 'fallback'] },
      { kind: 'only-here', state: 'wrong', correlationId: idOf(2), there: [] },
    ]);
    assert.match(report.differences[0]?.why ?? '', /^CHARGED TWICE: `default` and `fallback`/);
  });

  check('settled at one processor, held only by the other', async (site) => {
    await site.claim(1);
    site.charge(1, { processor: 1 });
    await site.settle(1);
    const report = await site.report();
    assert.equal(report.differences.map(brief), [
      { kind: 'only-here', state: 'wrong', correlationId: idOf(1), there: [] },
      { kind: 'only-there', state: 'wrong', correlationId: idOf(1), there: ['fallback'] },
    ]);
  });

  check('held there, but here never sent, rejected, or sent to another processor', async (site) => {
    await site.reserve(1);
    site.charge(1);
    await site.reject(2);
    site.charge(2);
    await site.claim(3, { processor: 1 });
    site.charge(3);
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    const whys = new Map(report.differences.map(({ correlationId, why }) => [correlationId, why]));
    assert.match(whys.get(idOf(1)) ?? '', 'never sent');
    assert.match(whys.get(idOf(2)) ?? '', 'rejected');
    assert.match(whys.get(idOf(3)) ?? '', 'later sent to another processor');
    assert.is(report.differenceCount, 3);
    assert.ok(report.differences.every(({ kind, state }) => kind === 'only-there' && state === 'wrong'));
  });
}

function registerRemainders(check: Check): void {
  check('charges without a payment of ours are the remainder of their window', async (site) => {
    for (let number = 1; number <= 40; number++) await site.pay(number * 1000);
    site.charge(20_500, { amountCents: 777 });
    const report = await site.report();
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences, []);
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'wrong', remainder: { count: 1, amountCents: 777 } },
    ]);
    const [window] = report.processors[0]?.windows ?? [];
    const stampMs = LONG_AGO_MS + 20_500;
    assert.ok(Date.parse(window?.from ?? '') <= stampMs && stampMs <= Date.parse(window?.to ?? ''));
    assert.ok(Date.parse(window?.to ?? '') - Date.parse(window?.from ?? '') < 60_000);
  });

  check('a recent remainder may still be explained', async (site) => {
    site.charge(1, { requestedAtMs: NOW_MS - 1000 });
    const report = await site.report();
    assert.is(report.verdict, 'settling');
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'settling', remainder: { count: 1, amountCents: 1990 } },
    ]);
  });

  check('finds a payment that was removed from our books', async (site, kind) => {
    await site.pay(1);
    await site.pay(2);
    await kind.remove(idOf(2));
    const report = await site.report({ every: true });
    assert.is(report.verdict, 'differs');
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'wrong', remainder: { count: 1, amountCents: 1990 } },
    ]);
    const [window] = report.processors[0]?.windows ?? [];
    assert.equal(window?.here, { count: 2, amountCents: 3980 });
    assert.equal(window?.listed, { count: 1, amountCents: 1990 });
  });
}

function registerLimits(check: Check): void {
  check(
    'looks up the payments of a processor even without its token',
    async (site) => {
      await site.pay(1, { processor: 1 });
      await site.claim(2, { processor: 1 });
      const some = await site.report();
      assert.is(some.verdict, 'unknown');
      assert.equal(some.problems, [
        'The totals of `fallback` could not be read: no admin token is set for it.',
      ]);
      assert.is(some.processors[1]?.there, null);
      assert.ok(some.lookedUpCount >= 2);
      await site.settle(2, { processor: 1 });
      const wrong = await site.report();
      assert.is(wrong.verdict, 'differs');
      assert.equal(wrong.differences.map(brief), [
        { kind: 'only-here', state: 'wrong', correlationId: idOf(2), there: [] },
      ]);
    },
    { tokens: [ADMIN_TOKEN, undefined] },
  );

  check(
    'reports a token that is refused',
    async (site) => {
      assert.equal((await site.report()).problems, [
        'The totals of `default` could not be read: it refuses its admin token.',
      ]);
    },
    { tokens: ['another', ADMIN_TOKEN] },
  );

  check('a processor that does not answer is asked three times, then no more', async (site) => {
    for (let number = 1; number <= 5; number++) await site.pay(number, { processor: 1 });
    site.silence(1);
    const report = await site.report();
    assert.is(report.verdict, 'unknown');
    assert.is(report.problems.length, 1);
    assert.match(report.problems[0] ?? '', /^`fallback` gave no valid answer in 3 tries: ECONNREFUSED/);
    assert.equal(
      site.slept.filter((delayMs) => delayMs >= 500),
      [500, 1000],
    );
  });

  check(
    'stops at the limit of look-ups',
    async (site) => {
      for (let number = 1; number <= 6; number++) await site.pay(number);
      site.charge(7);
      const report = await site.report({ every: true });
      assert.is(report.verdict, 'unknown');
      assert.is(report.lookedUpCount, 3);
      assert.equal(report.problems, ['Stopped after 3 look-ups, the limit set by AUDIT_LIMIT.']);
      assert.equal(windowsOf(report)[0]?.state, 'unknown');
    },
    { paymentLimit: 3 },
  );

  check('an unavailable ledger makes the audit impossible', async (site) => {
    await site.ledger.close();
    const reply = await site.audit();
    assert.is(reply.kind, 'unavailable');
  });
}

function registerEvery(check: Check): void {
  check('looking up every payment finds two differences that cancel out', async (site) => {
    await site.pay(1);
    await site.claim(2, { requestedAtMs: LONG_AGO_MS });
    await site.settle(2, { requestedAtMs: LONG_AGO_MS });
    site.charge(3, { requestedAtMs: LONG_AGO_MS });
    assert.is((await site.report()).verdict, 'agrees');
    const report = await site.report({ every: true });
    assert.is(report.verdict, 'differs');
    assert.equal(report.differences.map(brief), [
      { kind: 'only-here', state: 'wrong', correlationId: idOf(2), there: [] },
    ]);
    assert.equal(windowsOf(report), [
      { name: 'default', state: 'wrong', remainder: { count: 1, amountCents: 1990 } },
    ]);
  });

  check('books that agree, with every payment looked up', async (site) => {
    for (let number = 1; number <= 9; number++) {
      await site.pay(number, {
        processor: number % 2 === 0 ? 1 : 0,
        requestedAtMs: NOW_MS - number * 20_000,
      });
    }
    await site.reserve(10);
    await site.claim(11);
    const report = await site.report({ every: true });
    assert.is(report.verdict, 'agrees');
    assert.equal(windowsOf(report), []);
    assert.ok(report.lookedUpCount <= 9 + 4, 'each where it is settled, and open ones at every processor');
  });
}
