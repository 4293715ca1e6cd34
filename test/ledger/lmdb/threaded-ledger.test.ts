import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import { hasBlockedThread } from '../../../src/core/thread.ts';
import type { Claim, LedgerEvent, Reply } from '../../../src/ledger/ledger.ts';
import { LmdbLedger } from '../../../src/ledger/lmdb/ledger.ts';
import { ThreadedLmdbLedger, type ThreadedLmdbOptions } from '../../../src/ledger/lmdb/threaded-ledger.ts';
import { KeptLog } from '../../kept-log.ts';
import { until } from '../../system/until.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';
import { must } from '../samples.ts';
import { writtenId } from './lmdb-writer.ts';
import { whileWriterIsStopped } from './stopped-writer.ts';

const DEADLINE_MS = 20_000;
const OPTIONS = {
  processorNames: ['default', 'fallback'],
  clock: systemClock,
  random: Math.random,
  pollMs: 5,
};
const WORKER = { instanceId: 'gateway-1', name: 'http-0' };
const MORTAL = new URL('./mortal-writer.ts', import.meta.url);
const FOREVER_MS = 2 ** 45;
const CLAIM: Claim = {
  correlationId: writtenId(1, 1),
  amountCents: 500,
  acceptedAtMs: 1000,
  processor: 1,
  requestedAtMs: 2000,
};

/** A ledger that is still open keeps this process alive, so a failed test would look as if it hung. */
async function inDirectory(run: (path: string, open: typeof openThreaded) => Promise<void>): Promise<void> {
  const path = temporaryDirectory();
  const opened: ThreadedLmdbLedger[] = [];
  try {
    await run(path, async (...args) => {
      const ledger = await openThreaded(...args);
      opened.push(ledger);
      return ledger;
    });
  } finally {
    await Promise.all(opened.map((ledger) => ledger.close()));
  }
}

function openThreaded(path: string, change: Partial<ThreadedLmdbOptions> = {}): Promise<ThreadedLmdbLedger> {
  return ThreadedLmdbLedger.open(path, { ...OPTIONS, ...change });
}

function reasonOf(reply: Reply<unknown>): string {
  return reply.kind === 'ok' ? 'it was ok' : reply.reason;
}

test('data written by its thread can be read here and elsewhere', () =>
  inDirectory(async (path, open) => {
    const ledger = await open(path);
    const other = await LmdbLedger.open(path, OPTIONS);
    await until('it writes', DEADLINE_MS, async () => (await ledger.ping()).kind === 'ok');
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
  inDirectory(async (path, open) => {
    const ledger = await open(path);
    const owner = await must(ledger.acquireLease(WORKER, FOREVER_MS));
    const threw = await ledger.commit(owner, [], [{ ...CLAIM, amountCents: 0.5 }]).then(
      () => false,
      () => true,
    );
    assert.ok(threw);
    await until('it writes', DEADLINE_MS, async () => (await ledger.ping()).kind === 'ok');
  }));

test('while another process is stopped in a commit, reads answer and writes are unavailable', () =>
  inDirectory(async (path, open) => {
    const ledger = await open(path);
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
      const late = await open(path, { openWaitMs: 500 });
      assert.match(reasonOf(await late.find(CLAIM.correlationId)), /not open yet/);
    });
    clearInterval(ticking);
    assert.ok(ticks > 50, 'the event loop ran all the time');
    await must(ledger.acquireLease(WORKER, FOREVER_MS));
  }));

test('a ledger that is closed while its thread waits for the lock leaves that thread, and says so', () =>
  inDirectory(async (path, open) => {
    const ledger = await open(path);
    await whileWriterIsStopped(path, async () => {
      const refused = ledger.ping();
      await ledger.close();
      assert.is((await refused).kind, 'unavailable');
      assert.ok(hasBlockedThread());
    });
    await until('the thread ends once it has the lock', 10_000, () => !hasBlockedThread());
  }));

test('writes beyond the limit of waiting writes are refused at once', () =>
  inDirectory(async (path, open) => {
    const ledger = await open(path);
    const replies = await Promise.all(Array.from({ length: 100 }, () => ledger.ping()));
    const refused = replies.filter(
      (reply) => reasonOf(reply) === '64 writes are already waiting for the ledger',
    );
    assert.is(refused.length, 36);
    await until('it writes again', DEADLINE_MS, async () => (await ledger.ping()).kind === 'ok');
  }));

test('a thread that starts slowly is waited for, also if the ledger cannot be opened', () =>
  inDirectory(async (path, open) => {
    const slow = { openWaitMs: 500, writerFile: new URL('./slow-writer.ts', import.meta.url) };
    const ledger = await open(path, slow);
    assert.is((await ledger.find(CLAIM.correlationId)).kind, 'ok');
    const outcome = await open('/proc/self/status/ledger', slow).then(
      () => 'opened',
      (error: unknown) => String(error),
    );
    assert.match(outcome, /ENOTDIR/);
  }));

test('opening a file that is not a ledger rejects', () =>
  inDirectory(async (path, open) => {
    const opened = await open('/proc/self/status/ledger').then(
      () => 'open',
      (error: unknown) => String(error),
    );
    assert.match(opened, /ENOTDIR/);
    assert.ok(path);
  }));

test('a thread that dies is replaced: its writes are unavailable, reads go on, and later writes are done', () =>
  inDirectory(async (path, open) => {
    const log = new KeptLog();
    const ledger = await open(path, { writerFile: MORTAL, log });
    const owner = await must(ledger.acquireLease(WORKER, FOREVER_MS));
    await must(ledger.commit(owner, [], [CLAIM]));
    for (const deadly of [() => ledger.takeHealthTurn(0, 0), () => ledger.ping()]) {
      const replies = await Promise.all([deadly(), ledger.renewLease(owner, FOREVER_MS)]);
      for (const reply of [...replies, await ledger.renewLease(owner, FOREVER_MS)]) {
        assert.match(reasonOf(reply), 'died and is being replaced');
      }
      assert.is((await must(ledger.find(CLAIM.correlationId)))?.owner, owner);
      const renew = () => ledger.renewLease(owner, FOREVER_MS);
      await until('another thread writes', DEADLINE_MS, async () => (await renew()).kind === 'ok');
    }
    const died = 'error the thread that writes to the ledger died; starting a replacement';
    assert.equal(log.lines, [died, died]);
  }));

test('a ledger can be closed while its thread is being replaced', () =>
  inDirectory(async (path, open) => {
    const ledger = await open(path, { writerFile: MORTAL });
    assert.is((await ledger.takeHealthTurn(0, 0)).kind, 'unavailable');
    await ledger.close();
    assert.is(reasonOf(await ledger.ping()), 'the ledger is closed');
  }));

test('opening rejects if the thread ends before it has opened the ledger', () =>
  inDirectory(async (path, open) => {
    const opened = await open(path, { writerFile: new URL('data:text/javascript,process.exit(4)') }).then(
      () => 'open',
      (error: unknown) => String(error),
    );
    assert.match(opened, /exited with code 4/);
  }));

test.run();
