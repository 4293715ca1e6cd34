import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import type { QueuedPayment } from '../../src/pool/source.ts';
import { UnprovenSource } from '../../src/pool/unproven-source.ts';
import type { LookUpOutcome } from '../../src/processor/processor.ts';
import { KeptLog } from '../kept-log.ts';
import { id, must, NAMES, restoredOf, T0_MS } from '../ledger/samples.ts';
import { until } from '../system/until.ts';

const WITHIN_MS = 5000;
const MINUTE_MS = 60_000;
const FOLDED_MS = T0_MS + 2 * MINUTE_MS;

interface Scene {
  readonly books: MemoryLedger;
  /** What the two processors answer to the look-up of a number. */
  readonly answers: (number: number) => readonly [LookUpOutcome, LookUpOutcome];
  readonly waiting: QueuedPayment[];
  lookedUpCount: number;
  readonly source: UnprovenSource;
}

/** Unproven books that have settled payment 1, and know it no more: they have been folded. */
async function sceneOf(answers: Scene['answers']): Promise<Scene> {
  const books = new MemoryLedger(NAMES);
  const owner = await must(books.acquireLease({ instanceId: 'gateway-0', name: 'pool-0' }, 0));
  await must(books.restoreEntries(owner, [restoredOf(1)]));
  await must(books.upkeep(FOLDED_MS + MINUTE_MS, MINUTE_MS));
  await must(books.setBooksStatus({ kind: 'unproven', sinceMs: FOLDED_MS, detail: 'a backup' }));
  const waiting: QueuedPayment[] = [];
  const scene = { books, answers, waiting, lookedUpCount: 0 };
  const find = (position: 0 | 1) => async (correlationId: string) => {
    scene.lookedUpCount++;
    return answers(Number.parseInt(correlationId.slice(-12), 16))[position];
  };
  const source = new UnprovenSource({
    source: {
      take: (limit) => waiting.splice(0, limit),
      wait: () => new Promise(() => {}),
      release: () => {},
      leaveToLedger: () => {},
    },
    books: { kind: 'unproven', isFrozen: false, looked: () => new Promise(() => {}) },
    ledger: books,
    instanceId: 'gateway-1',
    processors: [{ find: find(0) }, { find: find(1) }],
    targets: [{ timeoutMs: 100 }, { timeoutMs: 100 }],
    believesAbsence: () => true,
    backoff: { baseMs: 1, maxMs: 5 },
    stopping: () => false,
    clock: systemClock,
    random: Math.random,
    log: new KeptLog(),
  });
  return Object.assign(scene, { source });
}

function post({ waiting }: Scene, number: number, acceptedAtMs: number): void {
  waiting.push({
    correlationId: id(number),
    amountCents: 1990,
    acceptedAtMs,
    journalRef: number,
    trace: null,
  });
}

/** The numbers of the payments that the dispatcher gets. */
async function taken({ source }: Scene): Promise<number[]> {
  const got: QueuedPayment[] = [];
  await until('the payment is looked up', WITHIN_MS, () => {
    got.push(...source.take(10));
    return got.length > 0;
  });
  return got.map(({ journalRef }) => journalRef);
}

async function settledCount({ books }: Scene): Promise<number> {
  const totals = await must(books.summary(-Infinity, Infinity));
  return totals.reduce((sum, { count }) => sum + count, 0);
}

const ABSENT: LookUpOutcome = { kind: 'absent' };

test('a payment that no processor has is sent, and one that the books know is not looked up', async () => {
  const scene = await sceneOf(() => [ABSENT, ABSENT]);
  post(scene, 2, FOLDED_MS);
  assert.equal(await taken(scene), [2]);
  assert.is(await must(scene.books.find(id(2))), undefined);
  assert.is(scene.lookedUpCount, 2);
  const owner = await must(scene.books.acquireLease({ instanceId: 'gateway-0', name: 'pool-0' }, 0));
  const entry = restoredOf(3, { acceptedAtMs: FOLDED_MS, requestedAtMs: FOLDED_MS });
  await must(scene.books.restoreEntries(owner, [entry]));
  post(scene, 3, FOLDED_MS);
  assert.equal(await taken(scene), [3]);
  assert.is(scene.lookedUpCount, 2);
});

test('what a processor has charged is settled in the books, and a charge that they have forgotten is not counted twice', async () => {
  const scene = await sceneOf((number) => {
    const requestedAtMs = number === 1 ? T0_MS + 5 : FOLDED_MS + 5;
    return [ABSENT, { kind: 'held', amountCents: 1990, requestedAtMs }];
  });
  assert.is(await settledCount(scene), 1);
  post(scene, 1, FOLDED_MS + 9);
  assert.equal(await taken(scene), [1]);
  assert.is((await must(scene.books.find(id(1))))?.status, 'settled', 'so that its claim is not granted');
  assert.is(await settledCount(scene), 1);
  post(scene, 2, FOLDED_MS);
  assert.equal(await taken(scene), [2]);
  assert.is(await settledCount(scene), 2);
});

test('a payment of folded time is not sent while it is pending at a processor', async () => {
  const scene: Scene = await sceneOf(() =>
    scene.lookedUpCount < 10
      ? [{ kind: 'pending' }, ABSENT]
      : [{ kind: 'held', amountCents: 1990, requestedAtMs: FOLDED_MS + 5 }, ABSENT],
  );
  post(scene, 2, T0_MS);
  assert.equal(await taken(scene), [2]);
  assert.ok(scene.lookedUpCount >= 10);
  assert.is((await must(scene.books.find(id(2))))?.status, 'settled');
});

test.run();
