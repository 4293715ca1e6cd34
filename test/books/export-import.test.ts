import { createHash } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runExport, runImport, runMigrate } from '../../src/books/command.ts';
import { readLine, readTrailer } from '../../src/books/line.ts';
import { tried } from '../../src/books/walk.ts';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Shard } from '../../src/ledger/ledger.ts';
import { operate } from '../ledger/redis/operate.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { claimOf, id, must, settlementOf, T0_MS } from '../ledger/samples.ts';
import {
  exported,
  fill,
  heldIn,
  holdSome,
  imported,
  inDirectory,
  OPEN,
  RESERVED,
  withLedger,
} from './sample-books.ts';

const COUNT = 700;
const NO_COUNTS = { restored: 0, known: 0, different: 0, uncounted: 0, forgotten: 0 };

function exportedFrom(
  target: LedgerTarget,
  directory: string,
  window?: readonly [number, number],
): Promise<string> {
  return withLedger(target, (ledger) => exported(ledger, directory, window));
}

function linesIn(path: string): string[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

/** An LMDB ledger in this directory. */
function lmdb(directory: string, name: string): LedgerTarget {
  return { kind: 'lmdb', path: join(directory, name) };
}

test('an export is ordered by time, adds up, and is the same after an import into another kind of ledger and back', () =>
  inDirectory(async (directory) => {
    const redis = await RedisServer.start();
    try {
      const source = lmdb(directory, 'source');
      const inRedis: LedgerTarget = { kind: 'redis', url: redis.url };
      await withLedger(source, (ledger) => fill(ledger, COUNT));
      const first = await exportedFrom(source, directory);
      const lines = linesIn(first);
      assert.is(lines.length, COUNT + 2);
      const entries = lines.slice(1, -1).map((line) => readLine(line));
      const times = entries.map((entry) => entry?.requestedAtMs || entry?.acceptedAtMs || 0);
      assert.equal(
        times,
        [...times].sort((one, other) => one - other),
      );
      const totals = await withLedger(source, (ledger) => must(ledger.summary(-Infinity, Infinity)));
      const trailer = readTrailer(lines.at(-1) ?? '');
      assert.equal(
        trailer?.totals,
        totals.map(({ name, count, amountCents }) => ({ processor: name, count, amountCents })),
      );

      assert.equal(await imported(first, inRedis), {
        kind: 'ok',
        value: { ...NO_COUNTS, restored: COUNT },
      });
      const second = await exportedFrom(inRedis, directory);
      assert.equal(linesIn(second).slice(1, -1), lines.slice(1, -1));
      const back = lmdb(directory, 'back');
      assert.is((await imported(second, back)).kind, 'ok');
      assert.equal(linesIn(await exportedFrom(back, directory)).slice(1, -1), lines.slice(1, -1));
    } finally {
      await redis.stop();
    }
  }));

test('an export of format 1, which had no folded time and no fees, is imported', () =>
  inDirectory(async (directory) => {
    const lines = [
      '{"dinossauroExport":1,"exportedAt":"2025-07-16T00:00:03.120Z","from":null,"to":null,"processors":["default"],"purgedAt":null}',
      `{"correlationId":"${id(1)}","amountCents":1990,"status":"settled","acceptedAt":"2025-07-15T12:00:00.000Z","processor":"default","requestedAt":"2025-07-15T12:00:00.013Z","attempts":1}`,
    ];
    const text = lines.map((line) => `${line}\n`).join('');
    const sha256 = createHash('sha256').update(text).digest('hex');
    const totals = [{ processor: 'default', count: 1, amountCents: 1990 }];
    const path = join(directory, 'format-1');
    writeFileSync(path, `${text}${JSON.stringify({ count: 1, totals, sha256 })}\n`);
    const target = lmdb(directory, 'target');
    assert.is((await imported(path, target)).kind, 'ok');
    const found = await withLedger(target, (ledger) => must(ledger.summary(-Infinity, Infinity)));
    assert.equal(found[0], { name: 'default', count: 1, amountCents: 1990 });
  }));

test('what is open waits in the new books for an owner that takes it over', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    await withLedger(source, (ledger) => fill(ledger, 20));
    const target = lmdb(directory, 'target');
    assert.is((await imported(await exportedFrom(source, directory), target)).kind, 'ok');
    await withLedger(target, async (ledger) => {
      assert.is((await must(ledger.booksStatus())).kind, 'in-use');
      const [former, ...others] = await must(ledger.owners());
      assert.equal(others, []);
      assert.is(former?.leaseUntilMs, 0, 'nothing has to be waited for');
      const successor = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
      const taken = await must(ledger.takeOver(former?.owner ?? 0, successor, 10));
      const shown = taken.map(({ correlationId, status }) => [correlationId, status]);
      assert.equal(shown.sort(), [
        [id(OPEN), 'dispatched'],
        [id(RESERVED), 'accepted'],
      ]);
    });
  }));

test('what is held stays held in the new books, also what is awaited', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    await withLedger(source, async (ledger) => {
      await fill(ledger, 20);
      await holdSome(ledger, 20);
    });
    const target = lmdb(directory, 'target');
    assert.is((await imported(await exportedFrom(source, directory), target)).kind, 'ok');
    await withLedger(target, async (ledger) => {
      assert.equal(await heldIn(ledger, 20), [
        ['held', 100 + RESERVED],
        ['held', 0],
      ]);
      assert.equal((await must(ledger.size())).held, 2);
    });
  }));

test('a window has the payments of that time, with both its ends', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    await withLedger(source, (ledger) => fill(ledger, 20));
    const path = await exportedFrom(source, directory, [T0_MS + 2007, T0_MS + 5000]);
    const ids = linesIn(path)
      .slice(1, -1)
      .map((line) => readLine(line)?.correlationId);
    assert.equal(ids, [id(2), id(OPEN), id(4), id(RESERVED)]);
  }));

test('a file that was cut off or changed is refused before anything is written', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    await withLedger(source, (ledger) => fill(ledger, 20));
    const path = await exportedFrom(source, directory);
    const text = readFileSync(path, 'utf8');
    const target = lmdb(directory, 'target');
    const refusals: readonly [damage: () => void, complaint: RegExp][] = [
      [() => writeFileSync(path, text.replace('"amountCents":102', '"amountCents":103')), /its checksum is/],
      [() => truncateSync(path, text.length - 60), /is cut off/],
      [() => writeFileSync(path, linesOfText(text).slice(0, -1).join('\n')), /is cut off/],
      [() => writeFileSync(path, 'hello\nthere\n'), /is not an export/],
      [() => writeFileSync(path, ''), /is cut off/],
    ];
    for (const [damage, complaint] of refusals) {
      damage();
      const outcome = await imported(path, target);
      assert.is(outcome.kind, 'failed');
      if (outcome.kind === 'failed') assert.match(outcome.lines.join(), complaint);
    }
    await withLedger(target, async (ledger) => {
      assert.equal((await must(ledger.page(0, Infinity, '', 10))).entries, []);
    });
  }));

function linesOfText(text: string): string[] {
  return text.trimEnd().split('\n');
}

test('books that hold payments take an import only with --into, and nothing twice, also what they forget meanwhile', () =>
  inDirectory(async (directory) => {
    const redis = await RedisServer.start();
    try {
      const source = lmdb(directory, 'source');
      await withLedger(source, (ledger) => fill(ledger, 300));
      const path = await exportedFrom(source, directory);
      for (const target of [lmdb(directory, 'target'), { kind: 'redis', url: redis.url } as const]) {
        await withLedger(target, (ledger) => fill(ledger, 50, 1000));
        assert.is((await imported(path, target)).kind, 'failed');
        for (const counts of [{ restored: 300 }, { known: 300 }]) {
          const value = { ...NO_COUNTS, ...counts };
          assert.equal(await imported(path, target, { intoExisting: true }), { kind: 'ok', value });
        }
        const settled = 300 - 4 + 50;
        assert.is(await settledIn(target), settled);
        // A gateway folds the first 100 seconds.
        const foldedMs = T0_MS - (T0_MS % 60_000) + 120_000;
        await withLedger(target, async (ledger) => {
          while (await must(ledger.upkeep(foldedMs + 60_000, 60_000)));
          assert.is(await must(ledger.find(id(1))), undefined);
        });
        const again = await imported(path, target, { intoExisting: true });
        assert.is(again.kind, 'failed');
        if (again.kind === 'failed')
          assert.match(again.lines.join('\n'), /11\d settled payments were not counted/);
        assert.is(await settledIn(target), settled);
      }
    } finally {
      await redis.stop();
    }
  }));

test('an import that is interrupted continues, into empty books and into others, and counts nothing twice', () =>
  inDirectory(async (directory) => {
    const redis = await RedisServer.start();
    try {
      const source = lmdb(directory, 'source');
      await withLedger(source, (ledger) => fill(ledger, 1200));
      const path = await exportedFrom(source, directory);
      const interrupted = new Error('interrupted');
      const onProgress = () => {
        throw interrupted;
      };
      for (const [target, intoExisting] of [
        [lmdb(directory, 'empty'), false],
        [{ kind: 'redis', url: redis.url } as const, true],
      ] as const) {
        if (intoExisting) await withLedger(target, (ledger) => fill(ledger, 50, 5000));
        const first = await imported(path, target, { intoExisting, onProgress }).catch(
          (error: unknown) => error,
        );
        assert.is(first, interrupted);
        const again = await imported(path, target, { intoExisting });
        assert.is(again.kind, 'ok', JSON.stringify(again));
        if (again.kind !== 'ok') continue;
        assert.is(again.value.known + again.value.restored, 1200);
        assert.ok(again.value.known > 0);
        assert.is(await settledIn(target), 1200 - 4 + (intoExisting ? 50 : 0));
      }
    } finally {
      await redis.stop();
    }
  }));

async function settledIn(target: LedgerTarget): Promise<number> {
  const totals = await withLedger(target, (ledger) => must(ledger.summary(-Infinity, Infinity)));
  return totals.reduce((sum, { count }) => sum + count, 0);
}

test('a payment that the books have with another content is left as it is, and named', () =>
  inDirectory(async (directory) => {
    const [source, target] = [lmdb(directory, 'source'), lmdb(directory, 'target')];
    await withLedger(source, (ledger) => fill(ledger, 30));
    await withLedger(target, async (ledger) => {
      const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
      const claim = { correlationId: id(2), amountCents: 5, acceptedAtMs: T0_MS };
      await must(ledger.commit(owner, [], [{ ...claim, processor: 0, requestedAtMs: T0_MS }]));
    });
    const outcome = await imported(await exportedFrom(source, directory), target, { intoExisting: true });
    assert.is(outcome.kind, 'failed');
    if (outcome.kind === 'failed') assert.match(outcome.lines.join('\n'), id(2));
    const left = await withLedger(target, (ledger) => must(ledger.find(id(2))));
    assert.is(left?.amountCents, 5);
  }));

/** Books whose settled payments come to more than can be summed exactly. */
async function fillBeyondSums(ledger: Shard): Promise<void> {
  const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
  const change = { amountCents: Number.MAX_SAFE_INTEGER };
  const numbers = [1, 2];
  const claims = numbers.map((number) => claimOf(number, change));
  await must(ledger.commit(owner, [], claims));
  const settlements = numbers.map((number) => settlementOf(number, change));
  await must(ledger.commit(owner, settlements, []));
}

test('a command that cannot go on names the cause, and blames the ledger for nothing else', () =>
  inDirectory(async (directory) => {
    const said: string[] = [];
    const parts = { environment: {}, say: (line: string) => said.push(line) };
    const saysOf = async (run: () => Promise<boolean>) => {
      said.length = 0;
      assert.not(await run());
      return said.join('\n');
    };
    const whole = lmdb(directory, 'whole');
    await withLedger(whole, (ledger) => fill(ledger, 5));
    const file = await exportedFrom(whole, directory);
    const huge = lmdb(directory, 'huge');
    await withLedger(huge, fillBeyondSums);
    const hugeUrl = `lmdb:${join(directory, 'huge')}`;
    const given = { file, into: false, asRestore: false };
    assert.is(
      await saysOf(() => runImport({ ...given, ledger: hugeUrl }, parts)),
      'dinossauro: the books hold payments: import into empty ones, or add --into to add to these',
    );
    const tooLarge =
      /^dinossauro: the ledger cannot do this: a sum exceeds 2\^53 - 1 cents, the largest exact sum/;
    const window = { from: '', to: '', file: join(directory, 'never') };
    assert.is(
      await saysOf(() => runExport({ ...window, ledger: hugeUrl }, parts)),
      'dinossauro: a sum exceeds 2^53 - 1 cents, the largest exact sum: choose a shorter time with --from and --to',
    );
    assert.not(existsSync(window.file));
    const migration = { from: hugeUrl, to: `lmdb:${join(directory, 'new')}`, fromShards: null };
    assert.match(await saysOf(() => runMigrate(migration, parts)), tooLarge);
    await withLedger(huge, async (ledger) => {
      assert.is((await must(ledger.booksStatus())).kind, 'in-use', 'the stop has not begun');
    });
    const redis = await RedisServer.start();
    try {
      const ledger = redis.url;
      assert.ok(await runImport({ ...given, ledger }, parts));
      await operate(redis, 'CONFIG', 'SET', 'maxmemory', '1');
      const full = await saysOf(() => runImport({ ...given, ledger, into: true, asRestore: true }, parts));
      assert.match(full, /^dinossauro: the ledger cannot do this: OOM /);
      assert.match(full, /Once that is corrected, the same command continues$/);
    } finally {
      await redis.stop();
    }
    const away = await saysOf(() => runImport({ ...given, ledger: redis.url }, parts));
    assert.match(away, /^dinossauro: the ledger does not answer: .*Run the same command again to continue$/);
  }));

test('an import that was cut short keeps gateways out, and continues', () =>
  inDirectory(async (directory) => {
    const source = lmdb(directory, 'source');
    const redis = await RedisServer.start();
    const target: LedgerTarget = { kind: 'redis', url: redis.url };
    try {
      await withLedger(source, (ledger) => fill(ledger, 3000));
      const path = await exportedFrom(source, directory);
      let isStopped = false;
      const cut = await imported(
        path,
        { ...target, url: redis.url },
        {
          // Redis goes away once a part has been written.
          onProgress: () => {
            if (!isStopped) redis.signal('SIGKILL');
            isStopped = true;
          },
          clock: { ...systemClock, after: (delayMs, run) => systemClock.after(Math.min(delayMs, 20), run) },
        },
      );
      assert.is(cut.kind, 'failed');
      await redis.kill();
      await redis.start();
      await withLedger(target, async (ledger) => {
        await must(tried(systemClock, () => ledger.ping()));
        const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS));
        const reply = await ledger.commit(owner, [], []);
        assert.is(reply.kind, 'unavailable');
        if (reply.kind === 'unavailable') assert.match(reply.reason, /being filled/);
      });
      const continued = await imported(path, target);
      assert.is(continued.kind, 'ok');
      if (continued.kind === 'ok') {
        assert.ok(continued.value.known > 0);
        assert.is(continued.value.known + continued.value.restored, 3000);
      }
      assert.equal(linesIn(await exportedFrom(target, directory)).slice(1, -1), linesIn(path).slice(1, -1));
    } finally {
      await redis.stop();
    }
  }));

test('an import as a restore leaves the books frozen until they have been compared', () =>
  inDirectory(async (directory) => {
    const [source, target] = [lmdb(directory, 'source'), lmdb(directory, 'target')];
    await withLedger(source, (ledger) => fill(ledger, 30));
    const path = await exportedFrom(source, directory);
    assert.is((await imported(path, target, { asRestore: true })).kind, 'ok');
    await withLedger(target, async (ledger) => {
      assert.is((await must(ledger.booksStatus())).kind, 'behind');
    });
  }));

test.run();
