import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, LedgerEvent, Reply } from '../../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';
import { ThreadedLmdbLedger } from '../../../src/ledger/lmdb/threaded-ledger.ts';
import { must } from '../samples.ts';
import { writtenId } from './lmdb-writer.ts';
import { whileWriterIsStopped } from './stopped-writer.ts';

const OPTIONS = { processorNames: ['default', 'fallback'], clock: systemClock, pollMs: 5 };
const WORKER = { instanceId: 'gateway-1', name: 'http-0' };
const FOREVER_MS = 2 ** 45;
const CLAIM: Claim = {
  correlationId: writtenId(1, 1),
  amountCents: 500,
  acceptedAtMs: 1000,
  processor: 1,
  requestedAtMs: 2000,
};

async function inDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'dinossauro-threaded-'));
  try {
    await run(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

function reasonOf(reply: Reply<unknown>): string {
  return reply.kind === 'ok' ? 'it was ok' : reply.reason;
}

test('data written by its thread can be read here and elsewhere', () =>
  inDirectory(async (path) => {
    const ledger = await ThreadedLmdbLedger.open(path, OPTIONS);
    const other = await LmdbLedger.open(path, OPTIONS);
    await must(ledger.ping());
    const [owner, successor] = [
      await must(ledger.acquireLease(WORKER, FOREVER_MS)),
      await must(ledger.acquireLease({ ...WORKER, name: 'http-1' }, FOREVER_MS)),
    ];
    assert.ok(await must(ledger.renewLease(owner, FOREVER_MS + 1)));
    assert.equal((await must(ledger.commit(owner, [], [CLAIM]))).claimed, ['claimed']);
    assert.is((await must(ledger.find(CLAIM.correlationId)))?.owner, owner);
    assert.is((await must(ledger.takeOver(owner, successor, 10, Infinity))).length, 1);
    const settlement = { ...CLAIM, processor: 1, status: 'settled', reason: '' } as const;
    assert.equal((await must(ledger.commit(successor, [settlement], []))).settled, ['recorded']);
    for (const each of [ledger, other]) {
      const totals = await must(each.summary(-Infinity, Infinity));
      assert.equal(totals, [
        { name: 'default', count: 0, amountCents: 0 },
        { name: 'fallback', count: 1, amountCents: 500 },
      ]);
    }
    assert.is((await must(ledger.page(0, FOREVER_MS, '', 10))).entries.length, 1);
    await must(ledger.releaseLease(successor));
    assert.equal(await must(ledger.owners()), []);
    assert.equal(await must(ledger.takeHealthTurn(0, 0)), { turn: 1, isTaken: true });
    await must(ledger.publishHealth({ processor: 0, failing: true, minResponseTimeMs: 7, checkedAtMs: 1 }));
    await must(ledger.purge(5000));
    const events: LedgerEvent[] = [];
    (await must(ledger.subscribe((event) => events.push(event))))();
    assert.equal(
      events.map(({ kind }) => kind),
      ['health', 'purged'],
    );
    await other.close();
    await ledger.close();
    assert.is(reasonOf(await ledger.ping()), 'the ledger is closed');
  }));

test('a commit that breaks a rule throws here, and its thread continues', () =>
  inDirectory(async (path) => {
    const ledger = await ThreadedLmdbLedger.open(path, OPTIONS);
    const owner = await must(ledger.acquireLease(WORKER, FOREVER_MS));
    const threw = await ledger.commit(owner, [], [{ ...CLAIM, amountCents: 0.5 }]).then(
      () => false,
      () => true,
    );
    assert.ok(threw);
    await must(ledger.ping());
    await ledger.close();
  }));

test('while another process is stopped in a commit, reads answer and writes are unavailable', () =>
  inDirectory(async (path) => {
    const ledger = await ThreadedLmdbLedger.open(path, OPTIONS);
    const owner = await must(ledger.acquireLease(WORKER, FOREVER_MS));
    await must(ledger.commit(owner, [], [CLAIM]));
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 20);
    await whileWriterIsStopped(path, async () => {
      const replies = await Promise.all([
        ledger.ping(),
        ledger.purge(5000),
        ledger.acquireLease(WORKER, FOREVER_MS),
        ledger.find(CLAIM.correlationId),
        ledger.summary(-Infinity, Infinity),
      ]);
      assert.equal(
        replies.map(({ kind }) => kind),
        ['unavailable', 'unavailable', 'unavailable', 'ok', 'ok'],
      );
      assert.match(reasonOf(replies[0]), /another process holds the ledger's lock/);
      const late = await ThreadedLmdbLedger.open(path, OPTIONS);
      assert.match(reasonOf(await late.find(CLAIM.correlationId)), /not open yet/);
      await late.close();
    });
    clearInterval(ticking);
    assert.ok(ticks > 50, 'the event loop ran all the time');
    await must(ledger.acquireLease(WORKER, FOREVER_MS));
    await ledger.close();
  }));

test('writes beyond the limit of waiting writes are refused at once', () =>
  inDirectory(async (path) => {
    const ledger = await ThreadedLmdbLedger.open(path, OPTIONS);
    const replies = await Promise.all(Array.from({ length: 100 }, () => ledger.ping()));
    const refused = replies.filter(({ kind }) => kind === 'unavailable');
    assert.is(refused.length, 36);
    assert.match(reasonOf(refused[0] as Reply<void>), /^64 writes are already waiting for the ledger$/);
    await must(ledger.ping());
    await ledger.close();
  }));

test('opening a file that is not a ledger rejects', () =>
  inDirectory(async (path) => {
    const opened = await ThreadedLmdbLedger.open('/proc/self/status/ledger', OPTIONS).then(
      () => 'open',
      (error: unknown) => String(error),
    );
    assert.match(opened, /ENOTDIR/);
    assert.ok(path);
  }));

test.run();
