import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProcessorTarget } from '../../src/config/config.ts';
import { NO_STORY } from '../../src/core/attempt.ts';
import type { LedgerEntry } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import type { DispatcherPolicy } from '../../src/pool/dispatcher.ts';
import type { LookUpOutcome, PayOutcome } from '../../src/processor/processor.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { ManualClock, rest } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { BREAKER, POLICY, runDispatcher, TARGET } from './running-dispatcher.ts';
import { ScriptedProcessor } from './scripted-processor.ts';

const NAMES = ['default', 'fallback'];
const REFUSED: PayOutcome = { kind: 'refused', reason: '429' };
const UNKNOWN: PayOutcome = { kind: 'unknown', reason: 'timeout' };
const EXHAUSTED: PayOutcome = { kind: 'exhausted', reason: 'EMFILE' };
const FAILED: PayOutcome = { kind: 'failed', reason: '500' };
const DUPLICATE: PayOutcome = { kind: 'duplicate', reason: '422' };
const INVALID: PayOutcome = { kind: 'rejected', reason: '400 amount' };
const NO_ANSWER: LookUpOutcome = { kind: 'unknown', reason: 'timeout' };

function setUp(
  policy: Partial<DispatcherPolicy> = {},
  store = new MemoryStore(),
  clock = new ManualClock(),
  mood = new Mood(),
  changes: readonly Partial<ProcessorTarget>[] = [],
) {
  const targets = NAMES.map((name, index) => ({ ...TARGET, name, ...changes[index] }));
  const books = new MemoryLedger(NAMES, store);
  const [cheap, dear] = [new ScriptedProcessor(), new ScriptedProcessor()];
  const ledger = moody(books, mood);
  const running = runDispatcher({ clock, ledger, targets, processors: [cheap, dear], policy });
  const { sharedState } = running;
  // No processor has failed yet, so none gets probes.
  for (const processor of NAMES.keys()) sharedState.setProbeAt(processor, clock.monotonicMs() + 1e9);
  return {
    ...running,
    store,
    mood,
    books,
    cheap,
    dear,
    reasons: () => NAMES.map((_, processor) => sharedState.reason(processor).reason),
    async entry(number: number): Promise<LedgerEntry | undefined> {
      const reply = await books.find(idOf(number));
      return reply.kind === 'ok' ? reply.value : undefined;
    },
    async totals() {
      const reply = await books.summary(-Infinity, Infinity);
      return reply.kind === 'ok' ? reply.value.map(({ name: _, ...totals }) => totals) : [];
    },
  };
}

/** The same, with these changes to the processors. */
function setUpWith(changes: readonly Partial<ProcessorTarget>[], policy: Partial<DispatcherPolicy> = {}) {
  return setUp(policy, new MemoryStore(), new ManualClock(), new Mood(), changes);
}

/** The cheap processor's breaker opens, and no probe is due soon. */
function shutCheap({ breakers, sharedState, clock }: ReturnType<typeof setUp>): void {
  for (let failure = 0; failure < BREAKER.failures; failure++) breakers.failed(0, 'refused');
  sharedState.setProbeAt(0, clock.monotonicMs() + 1e9);
}

function stamps(processor: ScriptedProcessor): number[] {
  return processor.paid.map(({ requestedAtMs }) => requestedAtMs);
}

function idsOf(processor: ScriptedProcessor): string[] {
  return processor.paid.map(({ correlationId }) => correlationId);
}

// What was seen, what follows.

test('committed: it is in the books at the stamp of its dispatch', async () => {
  const world = setUp();
  const { clock, cheap, dear, source, metricsTable, put, entry, totals } = world;
  await rest();
  clock.pass(500);
  put(1990, { acceptedAtMs: clock.nowMs() - 400 });
  await rest();
  const requestedAtMs = clock.nowMs();
  assert.equal(cheap.paid, [
    {
      correlationId: idOf(1990),
      amountCents: 1990,
      acceptedAtMs: requestedAtMs - 400,
      requestedAtMs,
      trace: null,
    },
  ]);
  assert.is(dear.paid.length, 0);
  assert.equal(await entry(1990), {
    correlationId: idOf(1990),
    amountCents: 1990,
    acceptedAtMs: requestedAtMs - 400,
    status: 'settled',
    owner: 0,
    processor: 0,
    requestedAtMs,
    attempts: 1,
    story: { why: 'cheapest-well', outcome: 'charged', earlier: [] },
    reason: '',
    conflictingAmountCents: null,
    processorName: 'default',
  });
  assert.equal(await totals(), [
    { count: 1, amountCents: 1990 },
    { count: 0, amountCents: 0 },
  ]);
  assert.equal(source.released, [1990]);
  assert.is(metricsTable.countedAt(0, 'committed'), 1);
  assert.is(metricsTable.countedAt(0, 'settled'), 1);
  await world.stop();
});

test('it is claimed, with its processor and stamp, before anything is sent', async () => {
  const world = setUp();
  const { cheap, source, put, entry } = world;
  let claimed: LedgerEntry | undefined;
  let released = -1;
  cheap.onPay = async () => {
    released = source.released.length;
    claimed = await entry(1);
  };
  put(1);
  await rest();
  assert.is(claimed?.status, 'dispatched');
  assert.is(claimed?.processor, 0);
  assert.equal(stamps(cheap), [claimed?.requestedAtMs]);
  assert.is(released, 1, 'and the journal need not keep it any more');
  await world.stop();
});

test('duplicate: what the processor holds is recorded', async () => {
  const world = setUp();
  const { cheap, put, entry, totals } = world;
  cheap.answers.push(DUPLICATE);
  cheap.founds.push({ kind: 'held', amountCents: 77, requestedAtMs: 900_000 });
  put(1);
  await rest();
  assert.equal(cheap.asked, [idOf(1)]);
  const found = await entry(1);
  assert.is(found?.status, 'settled');
  assert.is(found?.requestedAtMs, 900_000);
  assert.equal((await totals())[0], { count: 1, amountCents: 77 });
  await world.stop();
});

test('duplicate without an answer to the question: it is asked again, and never sent elsewhere', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(DUPLICATE);
  cheap.founds.push(NO_ANSWER, NO_ANSWER, { kind: 'held', amountCents: 1, requestedAtMs: 900_000 });
  put(1);
  await rest();
  assert.is(cheap.asked.length, 1);
  await clock.passSlowly(49);
  assert.is(cheap.asked.length, 1);
  await clock.passSlowly(1);
  assert.is(cheap.asked.length, 2);
  await clock.passSlowly(100);
  assert.is(cheap.asked.length, 3);
  assert.is((await entry(1))?.status, 'settled');
  assert.equal([cheap.paid.length, dear.paid.length], [1, 0]);
  await world.stop();
});

test('refused: it is sent again after a backoff that grows, each time with a new stamp', async () => {
  const world = setUp();
  const { clock, cheap, metricsTable, put, entry } = world;
  cheap.answers.push(REFUSED, REFUSED);
  put(1);
  await rest();
  const startMs = clock.nowMs();
  await clock.passSlowly(1000);
  assert.equal(stamps(cheap), [startMs, startMs + 50, startMs + 150]);
  const settled = await entry(1);
  assert.is(settled?.status, 'settled');
  assert.is(settled?.requestedAtMs, startMs + 150);
  assert.is(settled?.attempts, 3);
  const refused = { processorName: 'default', why: 'cheapest-well', outcome: 'refused' } as const;
  assert.equal(settled?.story.earlier, [
    { ...refused, requestedAtMs: startMs },
    { ...refused, requestedAtMs: startMs + 50 },
  ]);
  assert.is(metricsTable.countedAt(0, 'refused'), 2);
  assert.is(cheap.asked.length, 0);
  await world.stop();
});

test('exhausted: it waits, new ones wait with it, and the processor is not blamed', async () => {
  const world = setUp();
  const { clock, sharedState, log, cheap, dear, metricsTable, put, totals } = world;
  const limit = BREAKER.failures;
  for (let number = 1; number <= limit; number++) {
    cheap.answers.push(EXHAUSTED);
    put(number);
  }
  await rest();
  assert.is(cheap.paid.length, limit);
  put(limit + 1);
  await clock.passSlowly(25);
  assert.is(cheap.paid.length, limit);
  await clock.passSlowly(1000);
  assert.not.ok(sharedState.breakerOpen(0));
  assert.is((await totals())[0]?.count, limit + 1);
  assert.is(dear.paid.length, 0);
  assert.is(metricsTable.countedAt(0, 'exhausted'), limit);
  const began = 'warn cannot call processors: this machine is out of descriptors, ports or memory';
  assert.equal(
    log.lines.filter((line) => line.includes('call')),
    [began],
  );
  await clock.passSlowly(5000);
  put(limit + 2);
  await clock.passSlowly(100);
  assert.equal(
    log.lines.filter((line) => line.includes('call')),
    [began, 'info processors can be called again'],
  );
  await world.stop();
});

test('exhausted while in doubt: it stays with its processor', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(UNKNOWN, EXHAUSTED);
  put(1);
  await clock.passSlowly(2000);
  assert.is(dear.paid.length, 0);
  assert.is((await entry(1))?.processor, 0);
  await world.stop();
});

test('refused with Retry-After: not before', async () => {
  const world = setUp();
  const { clock, cheap, put } = world;
  cheap.answers.push({ kind: 'refused', reason: '503', retryAfterMs: 700 });
  put(1);
  await clock.passSlowly(699);
  assert.is(cheap.paid.length, 1);
  await clock.passSlowly(1);
  assert.is(cheap.paid.length, 2);
  await world.stop();
});

test('refused: it is free to go to another processor', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, put, entry } = world;
  cheap.answers.push(REFUSED);
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'refused');
  await clock.passSlowly(50);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 1]);
  const settled = await entry(1);
  assert.is(settled?.processor, 1);
  assert.equal(stamps(dear), [settled?.requestedAtMs]);
  await world.stop();
});

test('failed, and the processor does not hold it: free at once, after a backoff', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, put, entry } = world;
  cheap.answers.push(FAILED);
  cheap.founds.push({ kind: 'absent' });
  cheap.onPay = () => {
    for (let failure = 0; failure < 3; failure++) breakers.failed(0, '500');
  };
  put(1);
  await rest();
  assert.equal(cheap.asked, [idOf(1)]);
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(50);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 1]);
  assert.is((await entry(1))?.processor, 1);
  await world.stop();
});

test('failed, but the processor holds it: it is recorded', async () => {
  const world = setUp();
  const { cheap, put, entry } = world;
  cheap.answers.push(FAILED);
  cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: 999_999 });
  put(1);
  await rest();
  const settled = await entry(1);
  assert.is(settled?.status, 'settled');
  assert.is(settled?.requestedAtMs, 999_999);
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('failed, and the question has no answer: it stays there until it has one, which is final', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, put } = world;
  cheap.answers.push(FAILED);
  cheap.founds.push(NO_ANSWER, { kind: 'absent' });
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, '500');
  await clock.passSlowly(50);
  assert.is(cheap.asked.length, 2);
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(100);
  assert.is(dear.paid.length, 1, 'long before the hold time is over');
  await world.stop();
});

test('unknown, and the processor holds it: it is recorded', async () => {
  const world = setUp();
  const { clock, cheap, metricsTable, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: 1_000_000 });
  put(1);
  await rest();
  assert.is(cheap.asked.length, 0);
  assert.is(metricsTable.countedAt(0, 'unknown'), 1);
  assert.is(metricsTable.inDoubt(0), 1);
  await clock.passSlowly(50);
  assert.is(cheap.asked.length, 1);
  assert.is(metricsTable.countedAt(0, 'foundHeld'), 1);
  assert.is(metricsTable.inDoubt(0), 0);
  assert.is((await entry(1))?.status, 'settled');
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

const PENDING: LookUpOutcome = { kind: 'pending' };

test('a callback hastens the look-up of a payment that is in doubt there, up to four times', async () => {
  const world = setUp({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
  const { clock, cheap, dispatcher, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  cheap.founds.push(PENDING, PENDING, PENDING, PENDING, { kind: 'held', amountCents: 1, requestedAtMs: 1 });
  put(1);
  await rest();
  const forged = [new Set([idOf(2)]), new Set([idOf(1)])];
  dispatcher.calledBack(forged);
  await rest();
  assert.is(cheap.asked.length, 0, 'another id, and another processor');
  for (let call = 1; call <= 6; call++) {
    dispatcher.calledBack([new Set([idOf(1)]), new Set()]);
    dispatcher.calledBack([new Set([idOf(1)]), new Set()]);
    await rest();
    assert.is(cheap.asked.length, Math.min(call, 4));
    // Timers last 30 s here; the last one starts after 15 s.
    await clock.passSlowly(5000);
  }
  await clock.passSlowly(14_000);
  assert.is(cheap.asked.length, 4, 'the timers before the callbacks are cancelled');
  await clock.passSlowly(1000);
  assert.is(cheap.asked.length, 5, 'the last timer is not');
  assert.is((await entry(1))?.status, 'settled');
  dispatcher.calledBack([new Set([idOf(1)]), new Set()]);
  await rest();
  assert.is(cheap.asked.length, 5);
  await world.stop();
});

test('a callback hastens no look-up at a processor that rests', async () => {
  const world = setUp({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
  const { clock, cheap, dispatcher, put } = world;
  cheap.answers.push({ ...UNKNOWN, retryAfterMs: 5000 });
  put(1);
  await rest();
  const callBack = async () => {
    dispatcher.calledBack([new Set([idOf(1)]), new Set()]);
    await rest();
  };
  await callBack();
  assert.is(cheap.asked.length, 0);
  await clock.passSlowly(5000);
  await callBack();
  assert.is(cheap.asked.length, 1);
  await world.stop();
});

for (const answer of [FAILED, DUPLICATE]) {
  test(`${answer.kind}: not looked up while the processor rests`, async () => {
    const world = setUp({ backoff: { baseMs: 100, maxMs: 100 } });
    const { clock, cheap, put } = world;
    cheap.answers.push({ ...answer, retryAfterMs: 5000 });
    put(1);
    await rest();
    await clock.passSlowly(4990);
    assert.is(cheap.paid.length, 1);
    assert.is(cheap.asked.length, 0);
    await clock.passSlowly(200);
    assert.ok(cheap.asked.length > 0);
    await world.stop();
  });
}

test('unknown, and not held before the hold time: sent there again with the same stamp', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(UNKNOWN, UNKNOWN);
  put(1);
  await rest();
  const startMs = clock.nowMs();
  await clock.passSlowly(1000);
  assert.equal(stamps(cheap), [startMs, startMs, startMs]);
  assert.is(dear.paid.length, 0);
  const settled = await entry(1);
  assert.is(settled?.requestedAtMs, startMs);
  assert.is(settled?.attempts, 1);
  await world.stop();
});

test('unknown, sent there again and known there: what it holds is recorded', async () => {
  const world = setUp();
  const { clock, cheap, put, entry } = world;
  cheap.answers.push(UNKNOWN, DUPLICATE);
  cheap.founds.push({ kind: 'absent' }, { kind: 'held', amountCents: 1, requestedAtMs: 1_000_000 });
  put(1);
  await clock.passSlowly(50);
  assert.is(cheap.paid.length, 2);
  assert.is(cheap.asked.length, 2);
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('unknown, and not held before the hold time, at a processor that is not well: only asked', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, put } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'timeout');
  const startMs = clock.nowMs();
  while (clock.nowMs() < startMs + TARGET.inDoubtHoldMs - 1) {
    await clock.passSlowly(1);
    assert.equal([cheap.paid.length, dear.paid.length], [1, 0]);
  }
  assert.ok(cheap.asked.length > 10);
  await world.stop();
});

test('unknown, and not held after the hold time: free to go anywhere, with a new stamp', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  const startMs = clock.nowMs();
  shutCheap(world);
  await clock.passSlowly(TARGET.inDoubtHoldMs + 1000);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 1]);
  const settled = await entry(1);
  assert.is(settled?.processor, 1);
  assert.ok((settled?.requestedAtMs ?? 0) >= startMs + TARGET.inDoubtHoldMs);
  await world.stop();
});

test('unknown: the hold time counts from the last call, not the first', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, put } = world;
  const slow = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(UNKNOWN, slow.promise);
  put(1);
  await clock.passSlowly(50);
  assert.is(cheap.paid.length, 2);
  await clock.passSlowly(2000);
  const secondCallMs = clock.nowMs() - 2000;
  slow.resolve(UNKNOWN);
  shutCheap(world);
  await clock.passSlowly(secondCallMs + TARGET.inDoubtHoldMs - 1 - clock.nowMs());
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(1000);
  assert.is(dear.paid.length, 1);
  await world.stop();
});

test('unknown, and a 404 after the hold time to a question from before it: asked once more', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, put, entry } = world;
  const slow = Promise.withResolvers<LookUpOutcome>();
  cheap.answers.push(UNKNOWN);
  cheap.founds.push(slow.promise, { kind: 'held', amountCents: 1, requestedAtMs: 77 });
  put(1);
  await clock.passSlowly(TARGET.inDoubtHoldMs + 100);
  shutCheap(world);
  assert.is(cheap.asked.length, 1);
  slow.resolve({ kind: 'absent' });
  await clock.passSlowly(500);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 0]);
  assert.is((await entry(1))?.requestedAtMs, 77);
  await world.stop();
});

for (const answer of [FAILED, REFUSED, INVALID]) {
  test(`unknown, then ${answer.kind} after the hold time when sent again before: asked once more`, async () => {
    const world = setUp({ failoverDelayMs: 0 });
    const { clock, cheap, dear, put, entry } = world;
    const slow = Promise.withResolvers<PayOutcome>();
    cheap.answers.push(UNKNOWN, slow.promise);
    cheap.founds.push({ kind: 'absent' }, { kind: 'held', amountCents: 1, requestedAtMs: 77 });
    put(1);
    await clock.passSlowly(TARGET.inDoubtHoldMs + 100);
    shutCheap(world);
    assert.is(cheap.paid.length, 2);
    slow.resolve(answer);
    await clock.passSlowly(500);
    assert.equal([cheap.paid.length, dear.paid.length], [2, 0]);
    assert.is((await entry(1))?.requestedAtMs, 77);
    await world.stop();
  });
}

for (const answer of [FAILED, REFUSED]) {
  test(`unknown, then ${answer.kind} when sent again: the first call may still be running, so it stays there`, async () => {
    const world = setUp({ failoverDelayMs: 0 });
    const { clock, cheap, dear, put } = world;
    cheap.answers.push(UNKNOWN, answer);
    put(1);
    await clock.passSlowly(50);
    assert.is(cheap.paid.length, 2);
    shutCheap(world);
    await clock.passSlowly(TARGET.inDoubtHoldMs - 100);
    assert.equal([cheap.paid.length, dear.paid.length], [2, 0]);
    await clock.passSlowly(1000);
    assert.equal([cheap.paid.length, dear.paid.length], [2, 1]);
    await world.stop();
  });

  test(`of a former owner, then ${answer.kind}: its call may still be running, so it stays there`, async () => {
    const world = setUp({ failoverDelayMs: 0 }, await leftBehind());
    const { clock, cheap, dear } = world;
    dear.answers.push(answer, answer);
    await clock.passSlowly(TARGET.inDoubtHoldMs - 100);
    assert.equal(idsOf(cheap), [idOf(1)], 'what was never sent');
    assert.equal([...new Set(idsOf(dear))].sort(), [idOf(2), idOf(3)], 'sent again there, and nowhere else');
    await world.stop();
  });
}

test('a rejected payment is left to the ledger before the books say so', async () => {
  const world = setUp();
  const { clock, source, cheap, mood, put, entry } = world;
  cheap.answers.push(INVALID);
  put(1);
  while (cheap.paid.length === 0) await clock.pass(1);
  mood.away.add('commit');
  await clock.passSlowly(1000);
  assert.is((await entry(1))?.status, 'dispatched');
  assert.equal(source.leftToLedger, [idOf(1)]);
  mood.away.clear();
  await world.stop();
});

test('a rejected payment keeps its reason, is never sent again, and is left to the ledger', async () => {
  const world = setUp();
  const { clock, source, cheap, dear, metricsTable, log, put, entry, totals } = world;
  cheap.answers.push(INVALID);
  put(1);
  put(2);
  await clock.passSlowly(60_000);
  const entryNow = await entry(1);
  assert.is(entryNow?.status, 'rejected');
  assert.is(entryNow?.reason, '400 amount');
  assert.equal([cheap.paid.length, dear.paid.length], [2, 0]);
  assert.is((await totals())[0]?.count, 1);
  assert.is(metricsTable.countedAt(0, 'paymentsRejected'), 1);
  assert.equal(source.leftToLedger, [idOf(1)]);
  assert.ok(log.lines.includes('warn payment rejected by its processor'));
  await world.stop();
});

// Choosing.

test('the oldest goes first, to the cheapest, and to the dearer one only after the failover delay', async () => {
  const world = setUp();
  const { clock, cheap, dear, put } = world;
  await rest();
  shutCheap(world);
  put(1);
  await clock.passSlowly(500);
  put(2);
  await clock.passSlowly(499);
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(30);
  assert.equal(idsOf(dear), [idOf(1)]);
  await clock.passSlowly(500);
  assert.equal(idsOf(dear), [idOf(1), idOf(2)]);
  assert.is(cheap.paid.length, 0);
  await world.stop();
});

for (const [way, byMs] of [
  ['back by a year', -365 * 24 * 3_600_000],
  ['on by a year and back again', 0],
] as const) {
  test(`the failover delay is monotonic: a wall clock that goes ${way} makes no payment wait longer`, async () => {
    const clock = new ManualClock();
    clock.jump(3 * 365 * 24 * 3_600_000);
    const world = setUp({}, new MemoryStore(), clock);
    const { cheap, dear, put } = world;
    await rest();
    shutCheap(world);
    put(1, { acceptedAtMs: clock.nowMs() + (byMs === 0 ? 365 * 24 * 3_600_000 : 0) });
    await clock.passSlowly(500);
    clock.jump(byMs);
    put(2, { acceptedAtMs: clock.nowMs() - byMs });
    await clock.passSlowly(530);
    assert.equal(idsOf(dear), [idOf(1)]);
    await clock.passSlowly(500);
    assert.equal(idsOf(dear), [idOf(1), idOf(2)]);
    assert.is(cheap.paid.length, 0);
    await world.stop();
  });
}

test('an open breaker gets one payment for each probe; once one is charged, all of them go there', async () => {
  const world = setUp({ failoverDelayMs: 60_000 });
  const { clock, cheap, dear, breakers, put } = world;
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'refused');
  for (let number = 1; number <= 5; number++) put(number);
  cheap.answers.push(REFUSED);
  await clock.passSlowly(290);
  assert.is(cheap.paid.length, 0);
  await clock.passSlowly(40);
  assert.equal(idsOf(cheap), [idOf(1)]);
  await clock.passSlowly(250);
  assert.is(cheap.paid.length, 1);
  await clock.passSlowly(1000);
  assert.is(new Set(idsOf(cheap)).size, 5);
  assert.is(cheap.paid.length, 6);
  assert.is(dear.paid.length, 0);
  await world.stop();
});

test('the shared state shows why payments went where they went, or wait', async () => {
  const world = setUpWith([{ callLimit: 1 }, { callLimit: 1 }], { failoverDelayMs: 100 });
  const { clock, cheap, sharedState, put } = world;
  const shown = () => [sharedState.reason(0).reason, sharedState.reason(1).reason];
  assert.equal(shown(), ['none', 'none']);
  const startMs = clock.monotonicMs();
  put(1);
  await rest();
  assert.equal(shown(), ['cheapest-well', 'not-needed']);
  shutCheap(world);
  clock.pass(10);
  put(2);
  await clock.passSlowly(50);
  assert.equal(shown(), ['failing', 'after-failover-delay']);
  assert.ok(sharedState.reason(0).sinceMs > startMs);
  world.breakers.succeeded(0, 5);
  cheap.answers.push(new Promise(() => {}));
  put(3);
  put(4);
  await clock.passSlowly(50);
  assert.equal(shown(), ['full', 'not-needed']);
});

test('a paused processor gets no payment and no probe until it is resumed', async () => {
  const world = setUp();
  const { clock, cheap, dear, sharedState, put } = world;
  await rest();
  shutCheap(world);
  sharedState.setProbeAt(0, clock.monotonicMs());
  world.pause([true]);
  for (let number = 1; number <= 5; number++) put(number);
  await clock.passSlowly(5000);
  assert.equal([cheap.paid.length, dear.paid.length], [0, 5]);
  assert.equal(world.reasons(), ['paused', 'cheapest-well']);
  world.pause([]);
  put(6);
  await clock.passSlowly(1000);
  assert.equal(idsOf(cheap), [idOf(6)]);
  await world.stop();
});

test('while all processors are paused, payments wait', async () => {
  const world = setUp();
  const { clock, cheap, dear, put } = world;
  await rest();
  world.pause([true, true]);
  put(1);
  await clock.passSlowly(60_000);
  assert.equal([cheap.paid.length, dear.paid.length], [0, 0]);
  world.pause([true, false]);
  await clock.passSlowly(100);
  assert.equal([cheap.paid.length, dear.paid.length], [0, 1]);
  await world.stop();
});

test('what is in doubt at a paused processor is asked for, never sent there again, and free once it is believed absent', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(UNKNOWN, UNKNOWN);
  cheap.founds.push(NO_ANSWER, { kind: 'held', amountCents: 1, requestedAtMs: 7 });
  put(1);
  await rest();
  world.pause([true]);
  await clock.passSlowly(1000);
  assert.is(cheap.asked.length, 2);
  assert.is((await entry(1))?.status, 'settled');
  world.pause([]);
  put(2);
  await clock.passSlowly(10);
  assert.equal(idsOf(cheap), [idOf(1), idOf(2)]);
  world.pause([true]);
  // It could be sent there again at once before the hold time is over, if the processor were not paused.
  await clock.passSlowly(TARGET.inDoubtHoldMs - 100);
  assert.ok(cheap.asked.length > 4);
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(2000);
  assert.equal([idsOf(cheap), idsOf(dear)], [[idOf(1), idOf(2)], [idOf(2)]]);
  assert.is((await entry(2))?.processorName, 'fallback');
  await world.stop();
});

test('a fee that changes counts for what settles from then on, and routes what waits', async () => {
  const world = setUpWith([{ feePpm: 50_000 }, { feePpm: 150_000 }]);
  const { clock, cheap, dear, books, metricsTable, put } = world;
  const fees = async () => {
    const reply = await books.fees();
    return reply.kind === 'ok'
      ? reply.value.map((each) => [each.name, each.feePpm, each.feeFixedCents, each.count])
      : [];
  };
  put(100);
  await rest();
  assert.equal(await fees(), [['default', 50_000, 0, 1]]);
  // Sent at the old fee, settled at the new one.
  const { promise, resolve } = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(promise);
  put(200);
  await rest();
  world.changeTerms([{ feePpm: 60_000, feeFixedCents: 3 }]);
  resolve({ kind: 'committed' });
  await clock.passSlowly(100);
  assert.equal(await fees(), [
    ['default', 50_000, 0, 1],
    ['default', 60_000, 3, 1],
  ]);
  assert.is(metricsTable.countedAt(0, 'feeCents'), 5 + 15);
  // What waits goes to the processor that is the cheapest now, the oldest first.
  world.pause([true, true]);
  for (let number = 300; number < 305; number++) {
    put(number);
    await clock.passSlowly(10);
  }
  await clock.passSlowly(1000);
  world.changeTerms([{ feePpm: 200_000, feeFixedCents: 0 }, null]);
  await clock.passSlowly(100);
  assert.equal(
    dear.paid.map(({ amountCents }) => amountCents),
    [300, 301, 302, 303, 304],
  );
  assert.is(cheap.paid.length, 2);
  await world.stop();
});

test('limits that change hold for what waits and for what comes', async () => {
  const world = setUpWith([{ feePpm: 0 }, { feePpm: 150_000, maxAmountCents: 500 }]);
  const { clock, cheap, dear, metricsTable, put } = world;
  const amounts = ({ paid }: ScriptedProcessor) => paid.map(({ amountCents }) => amountCents);
  await rest();
  world.changeTerms([{ minAmountCents: 100, maxAmountCents: 400 }]);
  for (const amountCents of [99, 100, 400, 401, 501]) put(amountCents);
  await clock.passSlowly(100);
  assert.equal(
    [amounts(cheap), amounts(dear)],
    [
      [100, 400],
      [99, 401],
    ],
  );
  assert.is(metricsTable.gauge(0, 'notTaken'), 1);
  // Nothing else is to be done, so that only the change wakes the thread.
  world.changeTerms([null, { maxAmountCents: 450 }]);
  put(451);
  await clock.passSlowly(100);
  assert.equal(
    [amounts(cheap), amounts(dear)],
    [
      [100, 400, 501, 451],
      [99, 401],
    ],
  );
  assert.is(metricsTable.gauge(0, 'notTaken'), 0);
  await world.stop();
});

test('a lower limit of calls lets those in flight end, and the next ones wait', async () => {
  const world = setUpWith([{ feePpm: 0 }, { feePpm: 150_000 }], { failoverDelayMs: 60_000 });
  const { clock, cheap, dear, sharedState, put } = world;
  const inFlight = Array.from({ length: 6 }, () => Promise.withResolvers<PayOutcome>());
  cheap.answers.push(...inFlight.map(({ promise }) => promise));
  for (let number = 1; number <= 3; number++) put(number);
  await rest();
  assert.is(sharedState.callsInFlight(0), 3);
  world.changeTerms([{ callLimit: 2 }]);
  for (let number = 4; number <= 6; number++) put(number);
  await clock.passSlowly(100);
  assert.is(cheap.paid.length, 3);
  inFlight[0]?.resolve({ kind: 'committed' });
  await clock.passSlowly(100);
  assert.is(cheap.paid.length, 3, 'two are in flight');
  inFlight[1]?.resolve({ kind: 'committed' });
  await clock.passSlowly(100);
  assert.is(cheap.paid.length, 4);
  world.changeTerms([]);
  await clock.passSlowly(100);
  assert.is(cheap.paid.length, 6);
  for (const { resolve } of inFlight) resolve({ kind: 'committed' });
  await world.stop();
  assert.is(dear.paid.length, 0);
});

test('what is in doubt at a processor that does not take its amount any more is asked for, and never sent there again', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  cheap.answers.push(UNKNOWN, UNKNOWN);
  put(100);
  put(200);
  await rest();
  world.changeTerms([{ maxAmountCents: 100 }]);
  // It could be sent there again at once before the hold time is over.
  await clock.passSlowly(TARGET.inDoubtHoldMs - 100);
  assert.equal(idsOf(cheap), [idOf(100), idOf(200), idOf(100)]);
  assert.is(dear.paid.length, 0);
  await clock.passSlowly(2000);
  assert.equal(idsOf(dear), [idOf(200)]);
  assert.is((await entry(200))?.processorName, 'fallback');
  await world.stop();
});

test('a fee that makes small amounts cheap and great ones dear splits the payments that wait', async () => {
  const world = setUpWith([{ feePpm: 50_000 }, { feePpm: 150_000 }]);
  const { clock, cheap, dear, put } = world;
  await rest();
  world.pause([true, true]);
  for (const amountCents of [1000, 10, 2000, 20]) put(amountCents);
  await clock.passSlowly(100);
  // 1% and 50 cents against 5%: from 12.50 on it is the cheaper one.
  world.changeTerms([null, { feePpm: 10_000, feeFixedCents: 50 }]);
  await clock.passSlowly(100);
  const amounts = ({ paid }: ScriptedProcessor) => paid.map(({ amountCents }) => amountCents);
  assert.equal([amounts(cheap), amounts(dear)], [[1000, 10, 20], [2000]]);
  put(2001);
  await clock.passSlowly(10);
  world.changeTerms([]);
  put(2002);
  await clock.passSlowly(100);
  assert.equal(
    [amounts(cheap), amounts(dear)],
    [
      [1000, 10, 20, 2002],
      [2000, 2001],
    ],
  );
  await world.stop();
});

test('when two threads see the same probe due, only one sends it', async () => {
  const world = setUp({ failoverDelayMs: 60_000 });
  const { clock, cheap, sharedState, breakers, put } = world;
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'refused');
  const views = breakers.views.bind(breakers);
  breakers.views = () => {
    const seen = views();
    // The other thread takes it after this one has looked.
    if (seen[0]?.isProbeDue) sharedState.takeProbe(0, clock.monotonicMs(), clock.monotonicMs() + 1e9);
    return seen;
  };
  put(1);
  await clock.passSlowly(10_000);
  assert.is(cheap.paid.length, 0);
  breakers.views = views;
  breakers.reported(0, false, 1);
  await clock.passSlowly(100);
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('a wall clock that was set back makes no payment younger than new', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { cheap, clock, put } = world;
  put(1, { acceptedAtMs: clock.nowMs() + 60_000 });
  await rest();
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

// Limits.

test('claims a batch at a time', async () => {
  const world = setUp({ batchLimit: 3 });
  const { mood, cheap, put } = world;
  for (let number = 1; number <= 7; number++) put(number);
  await rest();
  assert.is(cheap.paid.length, 7);
  assert.ok(mood.count('commit') >= 3 + 1, `${mood.count('commit')} commits`);
  await world.stop();
});

test('settlements and the claims that come with them share a commit', async () => {
  const world = setUp({ batchWindowMs: 10 });
  const { clock, mood, put, totals } = world;
  await rest();
  for (let number = 1; number <= 5; number++) put(number);
  await clock.passSlowly(10);
  for (let number = 6; number <= 10; number++) put(number);
  const before = mood.count('commit');
  await clock.passSlowly(10);
  assert.is(mood.count('commit'), before + 1);
  await clock.passSlowly(10);
  assert.is((await totals())[0]?.count, 10);
  assert.is(mood.count('commit'), before + 2);
  await world.stop();
});

// The window between two turns.

const WINDOW_MS = 200;
/** What is left of it once a call has ended that took longer than the whole. */
const LATE_MS = 10;

/** One payment is on its way for as long as the test says. */
async function onItsWay(mood = new Mood()) {
  const world = setUp({ batchWindowMs: WINDOW_MS }, undefined, undefined, mood);
  const { clock, cheap, put, entry } = world;
  const { promise, resolve } = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(promise);
  await rest();
  put(1);
  await clock.passSlowly(WINDOW_MS);
  assert.is(cheap.paid.length, 1);
  return {
    ...world,
    /** The call ends, so much later. */
    async answer(afterMs: number): Promise<void> {
      await clock.passSlowly(afterMs);
      resolve({ kind: 'committed' });
      await rest();
    },
    /** It is in the books then, and not before. */
    async settledAfter(delayMs: number, number = 1): Promise<void> {
      await clock.passSlowly(delayMs - 1);
      assert.is((await entry(number))?.status, 'dispatched', `before ${delayMs} ms`);
      await clock.passSlowly(1);
      assert.is((await entry(number))?.status, 'settled', `after ${delayMs} ms`);
    },
  };
}

test('a call that took a moment is in the books when the window is over', async () => {
  const world = await onItsWay();
  await world.answer(5);
  await world.settledAfter(WINDOW_MS);
  await world.stop();
});

test('a call that took as long as the window waits for it, too', async () => {
  const world = await onItsWay();
  await world.answer(WINDOW_MS);
  await world.settledAfter(WINDOW_MS);
  await world.stop();
});

test('a call that took longer than the window is in the books soon, and the next window is whole again', async () => {
  const world = await onItsWay();
  await world.answer(300);
  await world.settledAfter(LATE_MS);
  world.put(2);
  await world.clock.passSlowly(WINDOW_MS - 1);
  assert.is(world.cheap.paid.length, 1);
  await world.clock.passSlowly(1);
  assert.is(world.cheap.paid.length, 2);
  await world.stop();
});

test('a call that took longer than the window cuts short the one that is open', async () => {
  const world = await onItsWay();
  await world.clock.passSlowly(250);
  world.put(2);
  await world.answer(50);
  await world.settledAfter(LATE_MS);
  assert.is(world.cheap.paid.length, 2, 'with all that has come together');
  await world.settledAfter(WINDOW_MS, 2);
  await world.stop();
});

test('a call that took longer than the window and ends during a commit is in the next one, soon', async () => {
  const mood = new Mood();
  const world = await onItsWay(mood);
  const goOn = mood.slow('commit');
  world.put(2);
  await world.clock.passSlowly(WINDOW_MS);
  assert.is(mood.count('commit'), 2);
  await world.answer(300);
  await world.clock.passSlowly(1000);
  assert.is((await world.entry(1))?.status, 'dispatched');
  goOn();
  await rest();
  await world.settledAfter(LATE_MS);
  await world.stop();
});

test('a window that is shorter than what is left of a long one is not made longer', async () => {
  const world = setUp({ batchWindowMs: 4 });
  const { clock, cheap, put, entry } = world;
  const { promise, resolve } = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(promise);
  await rest();
  put(1);
  await clock.passSlowly(100);
  resolve({ kind: 'committed' });
  await clock.passSlowly(4);
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('calls in flight to a processor are bounded', async () => {
  const world = setUpWith([{ callLimit: 2 }, { callLimit: 2 }]);
  const { cheap, put, totals } = world;
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<PayOutcome>());
  cheap.answers.push(...gates.map(({ promise }) => promise));
  for (let number = 1; number <= 5; number++) put(number);
  await rest();
  assert.is(cheap.paid.length, 2);
  gates[0]?.resolve({ kind: 'committed' });
  await rest();
  assert.is(cheap.paid.length, 3);
  for (const gate of gates) gate.resolve({ kind: 'committed' });
  await rest();
  assert.is(cheap.paid.length, 5);
  assert.is((await totals())[0]?.count, 5);
  await world.stop();
});

test('questions count among the calls', async () => {
  const world = setUpWith([{ callLimit: 1 }, { callLimit: 1 }]);
  const { clock, cheap, put } = world;
  const question = Promise.withResolvers<LookUpOutcome>();
  cheap.answers.push(UNKNOWN);
  cheap.founds.push(question.promise);
  put(1);
  await clock.passSlowly(50);
  assert.is(cheap.asked.length, 1);
  put(2);
  await clock.passSlowly(1000);
  assert.is(cheap.paid.length, 1);
  question.resolve({ kind: 'held', amountCents: 1, requestedAtMs: 1_000_000 });
  await clock.passSlowly(10);
  assert.is(cheap.paid.length, 2);
  await world.stop();
});

test('a question waits for its turn while a call is in flight', async () => {
  const world = setUpWith([{ callLimit: 1 }, { callLimit: 1 }]);
  const { clock, cheap, put } = world;
  const call = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(UNKNOWN, call.promise);
  put(1);
  await rest();
  put(2);
  await rest();
  assert.is(cheap.paid.length, 2);
  await clock.passSlowly(1000);
  assert.is(cheap.asked.length, 0);
  call.resolve({ kind: 'committed' });
  await clock.passSlowly(1000);
  assert.ok(cheap.asked.length > 0);
  await world.stop();
});

test('no more is taken from the ring than may be held', async () => {
  const world = setUp({ inFlightLimit: 3 });
  const { cheap, source, put } = world;
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<PayOutcome>());
  cheap.answers.push(...gates.map(({ promise }) => promise));
  for (let number = 1; number <= 9; number++) put(number);
  await rest();
  assert.is(cheap.paid.length, 3);
  assert.is(source.items.length, 6);
  gates[1]?.resolve({ kind: 'committed' });
  await rest();
  assert.is(source.items.length, 0, 'one place let the six through, one after another');
  assert.ok(Math.max(...source.limits) <= 3);
  for (const gate of gates) gate.resolve({ kind: 'committed' });
  await world.stop();
});

// The ledger's answers.

test('what is held already is not taken in again', async () => {
  const world = setUp();
  const { cheap, source, put } = world;
  const gate = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(gate.promise);
  put(1);
  await rest();
  put(1, { acceptedAtMs: 1_000_000, journalRef: 42 });
  await rest();
  assert.equal(source.released, [1, 42]);
  gate.resolve({ kind: 'committed' });
  await rest();
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('before the claim, the journal keeps the records of all posts of a payment', async () => {
  const world = setUp();
  const { clock, breakers, cheap, source, put } = world;
  for (const processor of NAMES.keys())
    for (let failures = 0; failures < TARGET.breaker.failures; failures++)
      breakers.failed(processor, 'HTTP 500');
  put(1);
  await rest();
  // Pushed again after the death of a thread: the post of the first record was refused meanwhile, and its record withdrawn.
  put(1, { acceptedAtMs: 1_000_000, journalRef: 42 });
  await clock.passSlowly(WINDOW_MS);
  assert.equal([source.items.length, source.released], [0, []]);
  breakers.succeeded(0, 1);
  await clock.passSlowly(1000);
  assert.equal([source.released, cheap.paid.length], [[1, 42], 1]);
  await world.stop();
});

test('known: what the ledger has settled already is dropped, and nothing is sent', async () => {
  const world = setUp();
  const { cheap, source, put, totals } = world;
  put(1);
  await rest();
  put(1, { acceptedAtMs: 1_000_000, journalRef: 42 });
  await rest();
  assert.is(cheap.paid.length, 1);
  assert.equal(source.released, [1, 42]);
  assert.equal(source.leftToLedger, [idOf(1)]);
  assert.is((await totals())[0]?.count, 1);
  await world.stop();
});

test('conflict: another amount is noted, and never sent', async () => {
  const world = setUp();
  const { cheap, source, put, entry } = world;
  put(1);
  await rest();
  put(1, { amountCents: 999, acceptedAtMs: 1_000_000, journalRef: 42 });
  await rest();
  assert.is(cheap.paid.length, 1);
  assert.equal(source.released, [1, 42]);
  assert.is((await entry(1))?.conflictingAmountCents, 999);
  await world.stop();
});

test('purged: what the ledger will not take any more is dropped', async () => {
  const world = setUp();
  const { clock, books, cheap, source, put, entry } = world;
  await rest();
  await books.purge(clock.nowMs() + 100);
  put(1);
  await rest();
  assert.is(cheap.paid.length, 0);
  assert.equal(source.released, [1]);
  assert.is(await entry(1), undefined);
  clock.pass(100);
  put(2);
  await rest();
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('a purge drops what waits, backs off, is in doubt or in flight; none of it returns to the ledger', async () => {
  const world = setUp({ failoverDelayMs: 60_000 });
  const { clock, books, sharedState, cheap, dear, source, breakers, put, entry, totals } = world;
  const late = Promise.withResolvers<PayOutcome>();
  cheap.answers.push({ kind: 'refused', reason: '503', retryAfterMs: 1000 }, UNKNOWN, late.promise);
  for (const number of [1, 2, 3]) put(number);
  await rest();
  shutCheap(world);
  put(4);
  await clock.passSlowly(30);
  assert.is(cheap.paid.length, 3);
  const purgedAtMs = clock.nowMs() + 1;
  await books.purge(purgedAtMs);
  sharedState.raisePurgedAt(purgedAtMs);
  await clock.passSlowly(30);
  assert.ok(source.released.includes(4), 'the journal forgets what was never claimed');
  late.resolve({ kind: 'committed' });
  breakers.succeeded(0, 1);
  await clock.passSlowly(20_000);
  assert.equal([cheap.paid.length, dear.paid.length], [3, 0]);
  assert.equal(await totals(), [
    { count: 0, amountCents: 0 },
    { count: 0, amountCents: 0 },
  ]);
  for (const number of [1, 2, 3, 4]) assert.is(await entry(number), undefined);
  put(5);
  await clock.passSlowly(10);
  assert.is((await totals())[0]?.count, 1);
  await world.stop();
});

test('what was accepted before a purge and comes after it is dropped unseen', async () => {
  const world = setUp();
  const { clock, sharedState, source, cheap, put } = world;
  await rest();
  sharedState.raisePurgedAt(clock.nowMs());
  put(1, { acceptedAtMs: clock.nowMs() - 1 });
  put(2, { acceptedAtMs: clock.nowMs() });
  await rest();
  assert.equal(idsOf(cheap), [idOf(2)]);
  assert.equal(source.released, [1, 2]);
  await world.stop();
});

test('a purge by a clock that was a year ahead drops nothing, before it is heard of or after', async () => {
  const world = setUp();
  const { clock, books, sharedState, cheap, put, totals } = world;
  const purgedAtMs = clock.nowMs() + 365 * 24 * 3_600_000;
  await rest();
  await books.purge(purgedAtMs);
  put(1);
  await clock.passSlowly(10);
  shutCheap(world);
  put(2);
  sharedState.raisePurgedAt(purgedAtMs);
  put(3);
  await clock.passSlowly(10);
  sharedState.setProbeAt(0, clock.monotonicMs());
  await clock.passSlowly(2000);
  assert.equal(idsOf(cheap), [idOf(1), idOf(2), idOf(3)]);
  assert.is((await totals())[0]?.count, 3);
  await world.stop();
});

test('a purge while a claim is on its way sends nothing', async () => {
  const world = setUp();
  const { clock, books, sharedState, mood, cheap, put, totals } = world;
  await rest();
  put(1);
  const go = mood.slow();
  await rest();
  const purgedAtMs = clock.nowMs() + 1;
  await books.purge(purgedAtMs);
  sharedState.raisePurgedAt(purgedAtMs);
  go();
  await clock.passSlowly(1000);
  assert.is(cheap.paid.length, 0);
  assert.is((await totals())[0]?.count, 0);
  await world.stop();
});

// A ledger that is away.

test('when a purge takes all that could not be committed, nothing fails any more', async () => {
  const world = setUp();
  const { clock, mood, metricsTable, books, sharedState, put } = world;
  await rest();
  mood.away.add('commit');
  put(1);
  await clock.passSlowly(1000);
  assert.ok(metricsTable.gauge(0, 'commitFailingSinceMs') > 0);
  const purgedAtMs = clock.nowMs() + 1;
  await books.purge(purgedAtMs);
  sharedState.raisePurgedAt(purgedAtMs);
  await clock.passSlowly(2000);
  assert.is(metricsTable.gauge(0, 'commitFailingSinceMs'), 0);
  put(2);
  await clock.passSlowly(1000);
  assert.ok(
    clock.monotonicMs() - metricsTable.gauge(0, 'commitFailingSinceMs') <= 1000,
    'it fails anew, since now',
  );
  await world.stop();
});

test('without a claim nothing is sent; when the ledger is back it is, with a new stamp', async () => {
  const world = setUp();
  const { clock, mood, metricsTable, cheap, source, log, put, entry } = world;
  await rest();
  mood.away.add('commit');
  put(1);
  await clock.passSlowly(5000);
  assert.is(cheap.paid.length, 0);
  assert.equal(source.released, []);
  assert.equal(log.lines, ['info lease acquired', 'warn ledger unavailable']);
  const failingForMs = clock.monotonicMs() - metricsTable.gauge(0, 'commitFailingSinceMs');
  assert.ok(failingForMs > 4500 && failingForMs <= 5000, `since the first failure: ${failingForMs}`);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.is(metricsTable.gauge(0, 'commitFailingSinceMs'), 0);
  assert.is(cheap.paid.length, 1);
  assert.ok((stamps(cheap)[0] ?? 0) >= 1_005_000);
  assert.is((await entry(1))?.status, 'settled');
  assert.equal(log.lines.slice(1), ['warn ledger unavailable', 'info ledger available again']);
  await world.stop();
});

test('it is asked again after a backoff, not at once', async () => {
  const world = setUp();
  const { clock, mood, put } = world;
  await rest();
  mood.away.add('commit');
  put(1);
  await clock.passSlowly(5000);
  // Equal jitter with a luck of 0.5: 75, 150, 300, 600, 600 ...
  assert.is(mood.count('commit'), 1 + 3 + Math.floor((5000 - 525) / 600));
  await world.stop();
});

test('the order of payments outlives it', async () => {
  const world = setUp();
  const { clock, mood, cheap, put } = world;
  await rest();
  mood.away.add('commit');
  for (let number = 1; number <= 5; number++) put(number);
  await clock.passSlowly(2000);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.equal(idsOf(cheap), [1, 2, 3, 4, 5].map(idOf));
  await world.stop();
});

test('a claim that was written, and not answered, is claimed again and sent once', async () => {
  const world = setUp();
  const { clock, mood, cheap, put, entry, totals } = world;
  await rest();
  mood.forgetful.add('commit');
  put(1);
  await rest();
  assert.is((await entry(1))?.status, 'dispatched');
  assert.is(cheap.paid.length, 0);
  mood.forgetful.clear();
  await clock.passSlowly(1000);
  assert.is(cheap.paid.length, 1);
  assert.equal(stamps(cheap), [(await entry(1))?.requestedAtMs]);
  assert.is((await totals())[0]?.count, 1);
  await world.stop();
});

test('a settlement is kept until it is in the books, and counts once', async () => {
  for (const how of ['away', 'forgetful'] as const) {
    const world = setUp();
    const { clock, mood, cheap, metricsTable, put, totals } = world;
    cheap.onPay = () => mood[how].add('commit');
    put(1);
    await clock.passSlowly(4000);
    assert.is(metricsTable.countedAt(0, 'settled'), 0, how);
    mood[how].clear();
    await clock.passSlowly(1000);
    assert.is((await totals())[0]?.count, 1, how);
    assert.is(metricsTable.countedAt(0, 'settled'), 1, how);
    assert.is(cheap.paid.length, 1, how);
    await world.stop();
  }
});

test('it waits for the ledger at its start, and is not ready before', async () => {
  const mood = new Mood();
  mood.away.add('acquireLease');
  const world = setUp({}, new MemoryStore(), new ManualClock(), mood);
  const { clock, sharedState, cheap, put } = world;
  put(1);
  await clock.passSlowly(10_000);
  assert.is(sharedState.threadsReady, 0);
  assert.is(cheap.paid.length, 0);
  mood.away.clear();
  await clock.passSlowly(1000);
  assert.is(sharedState.threadsReady, 1);
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('more settlements than a batch takes follow in the next ones', async () => {
  const world = setUp({ batchLimit: 4 });
  const { cheap, put, totals } = world;
  const call = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(...Array.from({ length: 10 }, () => call.promise));
  for (let number = 1; number <= 10; number++) put(number);
  await world.clock.passSlowly(100);
  assert.is(cheap.paid.length, 10);
  call.resolve({ kind: 'committed' });
  await rest();
  assert.is((await totals())[0]?.count, 10);
  await world.stop();
});

test('what a full batch leaves over waits for no window', async () => {
  const world = setUp({ batchLimit: 4, batchWindowMs: 200 });
  const { clock, mood, cheap, put, totals } = world;
  await rest();
  for (let number = 1; number <= 10; number++) put(number);
  await clock.passSlowly(199);
  assert.is(cheap.paid.length, 0);
  await clock.passSlowly(5);
  assert.is(cheap.paid.length, 10);
  const before = mood.count('commit');
  await clock.passSlowly(192);
  assert.is(mood.count('commit'), before, 'what is left of the last batch gathers');
  await clock.passSlowly(15);
  assert.is((await totals())[0]?.count, 10);
  await world.stop();
});

// Leases.

test('without a valid lease nothing is claimed', async () => {
  const world = setUp();
  const { clock, mood, cheap, put } = world;
  await rest();
  mood.away.add('renewLease');
  await clock.passSlowly(POLICY.leaseMs);
  const before = mood.count('commit');
  put(1);
  await clock.passSlowly(1000);
  assert.is(mood.count('commit'), before);
  assert.is(cheap.paid.length, 0);
  mood.away.clear();
  await clock.passSlowly(1000 + 100);
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('a claim whose reply outlasts the lease is not sent: it is in doubt and looked up', async () => {
  const world = setUp();
  const { clock, mood, cheap, put, entry } = world;
  await rest();
  put(1);
  const go = mood.slow();
  await clock.passSlowly(POLICY.leaseMs);
  mood.away.add('renewLease');
  go();
  await rest();
  assert.is((await entry(1))?.status, 'dispatched');
  assert.is(cheap.paid.length, 0);
  await clock.passSlowly(400);
  assert.ok(cheap.asked.length > 0);
  assert.is(cheap.paid.length, 0);
  mood.away.clear();
  await clock.passSlowly(3000);
  assert.is(cheap.paid.length, 1);
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('a fenced claim is not sent, and is claimed again under a new number', async () => {
  const world = setUp();
  const { clock, books, cheap, source, put, entry } = world;
  await rest();
  await takeOverAll(books, 1);
  put(1);
  await rest();
  assert.is(cheap.paid.length, 0);
  await clock.passSlowly(25);
  assert.is(cheap.paid.length, 1);
  assert.equal(source.released, [1]);
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('a settlement of what another has taken over changes nothing, and is not kept', async () => {
  const world = setUp();
  const { clock, books, metricsTable, source, cheap, log, put, entry, totals } = world;
  const call = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(call.promise);
  put(1);
  await rest();
  const other = await takeOverAll(books, 1);
  call.resolve({ kind: 'committed' });
  await rest();
  assert.equal(source.leftToLedger, [idOf(1)]);
  assert.is((await totals())[0]?.count, 0);
  assert.is((await entry(1))?.owner, other);
  assert.is(metricsTable.countedAt(0, 'settled'), 0);
  assert.ok(log.lines.includes('debug settlement fenced'));
  await clock.passSlowly(5000);
  assert.is(cheap.paid.length, 1);
  await world.stop();
});

test('an owner that was taken over lets go of all that it had claimed, and keeps what it had not', async () => {
  const world = setUp({ failoverDelayMs: 60_000 });
  const { clock, books, source, cheap, dear, put, entry } = world;
  await clock.passSlowly(500);
  const call = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(UNKNOWN, REFUSED, call.promise);
  for (const number of [1, 2, 3]) put(number);
  await rest();
  shutCheap(world);
  put(4);
  const other = await takeOverAll(books, 1);
  await clock.passSlowly(600);
  const asked = cheap.asked.length;
  call.resolve({ kind: 'committed' });
  await clock.passSlowly(1000);
  assert.is(cheap.asked.length, asked, 'of what is no more its own it asks nothing');
  assert.equal(source.leftToLedger, [1, 2, 3].map(idOf), 'its new owner may reject it');
  assert.equal([cheap.paid.length, dear.paid.length], [4, 0], 'the success of the call closed the breaker');
  assert.is(cheap.paid[3]?.correlationId, idOf(4));
  for (const number of [1, 2, 3]) assert.is((await entry(number))?.owner, other);
  assert.is((await entry(4))?.status, 'settled');
  await world.stop();
});

test('what was being claimed once more when its owner was taken over is asked for when it comes back', async () => {
  const world = setUp({ failoverDelayMs: 1e9 });
  const { clock, sharedState, mood, books, cheap, put, entry } = world;
  await rest();
  cheap.answers.push(REFUSED);
  put(1);
  await rest();
  assert.is(cheap.paid.length, 1);
  const goOn = mood.slow('commit');
  await clock.passSlowly(100);
  const other = await takeOverAll(books, 1);
  await clock.passSlowly(1000);
  shutCheap(world);
  goOn();
  await rest();
  await books.releaseLease(other);
  await clock.passSlowly(1500);
  const before = await entry(1);
  assert.is.not(before?.owner, other, 'it has come back');
  assert.ok(cheap.asked.length > 0);
  cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: before?.requestedAtMs ?? 0 });
  sharedState.setProbeAt(0, clock.monotonicMs());
  await clock.passSlowly(1000);
  assert.is(cheap.paid.length, 1, 'the other had sent it');
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('what was taken over reserved, and once more after another owner had sent it, is asked for', async () => {
  const world = setUp({ failoverDelayMs: 1e9 });
  const { clock, cheap, dear, dispatcher } = world;
  await rest();
  shutCheap(world);
  const reserved: LedgerEntry = {
    correlationId: idOf(1),
    amountCents: 1,
    acceptedAtMs: clock.nowMs(),
    status: 'accepted',
    owner: 1,
    processor: null,
    processorName: null,
    requestedAtMs: 0,
    attempts: 0,
    story: NO_STORY,
    reason: '',
    conflictingAmountCents: null,
  };
  const sent = { processor: 0, processorName: 'default', requestedAtMs: clock.nowMs(), attempts: 1 };
  dispatcher.adopt([reserved]);
  dispatcher.adopt([{ ...reserved, ...sent, status: 'dispatched' }]);
  await clock.passSlowly(1000);
  assert.equal([...cheap.paid, ...dear.paid], []);
  assert.ok(cheap.asked.length > 0);
  await world.stop();
});

/** Another owner takes what `from` holds, lease or not, and lives on for a minute. */
async function takeOverAll(books: MemoryLedger, from: number): Promise<number> {
  const acquired = await books.acquireLease({ instanceId: 'gateway-2', name: 'pool-0' }, 1_060_000);
  if (acquired.kind === 'unavailable') throw new Error(acquired.reason);
  await books.takeOver(from, acquired.value, 1000);
  return acquired.value;
}

// What former owners left.

/** A ledger in which a former owner of the worker id has claimed three payments, the first of them only reserved. */
async function leftBehind(names = NAMES, processor = 1): Promise<MemoryStore> {
  const store = new MemoryStore();
  const books = new MemoryLedger(names, store);
  const owner = await books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 2_000_000);
  if (owner.kind === 'unavailable') throw new Error(owner.reason);
  const claims = [1, 2, 3].map((number) => ({
    correlationId: idOf(number),
    amountCents: number,
    acceptedAtMs: 900_000,
    processor: number === 1 ? null : processor,
    requestedAtMs: number === 1 ? 0 : 910_000 + number,
  }));
  await books.commit(owner.value, [], claims);
  return store;
}

test('what a former owner may have sent is asked for there, and sent nowhere else', async () => {
  const world = setUp({}, await leftBehind());
  const { clock, cheap, dear, entry } = world;
  dear.founds.push({ kind: 'held', amountCents: 2, requestedAtMs: 910_002 });
  await clock.passSlowly(50);
  assert.equal(dear.asked, [idOf(2), idOf(3)]);
  assert.is((await entry(2))?.status, 'settled');
  assert.is((await entry(2))?.requestedAtMs, 910_002);
  await clock.passSlowly(100);
  assert.equal(
    dear.paid.map(({ correlationId, requestedAtMs }) => [correlationId, requestedAtMs]),
    [[idOf(3), 910_003]],
    'with the stamp of its claim',
  );
  assert.equal(idsOf(cheap), [idOf(1)], 'what was never sent goes to the cheapest');
  await world.stop();
});

test('what it may have sent to a processor that is not configured is left for those who can ask there', async () => {
  const world = setUp({}, await leftBehind(['old'], 0));
  const { clock, cheap, dear, entry } = world;
  const before = [await entry(2), await entry(3)];
  await clock.passSlowly(10_000);
  assert.equal(idsOf(cheap), [idOf(1)]);
  assert.is(dear.paid.length, 0);
  assert.equal([await entry(2), await entry(3)], before);
  assert.is(before[0]?.processorName, 'old');
  await world.stop();
});

test('a payment that comes from the ring as well as from a former owner is sent once', async () => {
  const world = setUp({}, await leftBehind());
  const { clock, cheap, dear, source, put } = world;
  await rest();
  for (const number of [1, 2, 3]) put(number, { acceptedAtMs: 900_000 });
  await clock.passSlowly(1000);
  assert.equal(idsOf(cheap), [idOf(1)]);
  assert.equal(idsOf(dear).sort(), [idOf(2), idOf(3)]);
  assert.equal(source.released.filter((journalRef) => journalRef !== -1).sort(), [1, 2, 3]);
  await world.stop();
});

test('a repeated post that waits here gives way to what another owner may have sent', async () => {
  const store = await leftBehind();
  const books = new MemoryLedger(NAMES, store);
  const elsewhere = await takeOverAll(books, 1);
  const world = setUp({ failoverDelayMs: 1e9 }, store);
  const { clock, cheap, dear, source, put } = world;
  await rest();
  shutCheap(world);
  for (const number of [1, 2, 3]) put(number, { acceptedAtMs: 900_000 });
  await rest();
  assert.equal([cheap.paid.length, dear.paid.length], [0, 0]);
  await books.releaseLease(elsewhere);
  await clock.passSlowly(1000 + 50);
  assert.equal(dear.asked.sort(), [idOf(2), idOf(3)]);
  assert.equal(source.released.filter((ref) => ref !== -1).sort(), [1, 2, 3]);
  await clock.passSlowly(5000);
  assert.equal([...new Set(idsOf(dear))].sort(), [idOf(2), idOf(3)]);
  await world.stop();
});

test('a record that is pushed a second time stays in the journal while its payment is not claimed', async () => {
  const world = setUp({ failoverDelayMs: 60_000 });
  const { clock, source, put } = world;
  await rest();
  shutCheap(world);
  put(1);
  await rest();
  put(1);
  await clock.passSlowly(100);
  assert.equal(source.released, []);
  await world.stop();
});

// The end.

test('it is ready while it runs', async () => {
  const world = setUp();
  assert.is(world.sharedState.threadsReady, 0);
  await rest();
  assert.is(world.sharedState.threadsReady, 1);
  await world.stop();
  assert.is(world.sharedState.threadsReady, 0);
});

test('a stop waits for calls in flight and for the books, and gives the number back', async () => {
  const world = setUp();
  const { clock, books, sharedState, dispatcher, cheap, put, hasEnded, totals } = world;
  const call = Promise.withResolvers<PayOutcome>();
  cheap.answers.push(call.promise);
  put(1);
  await rest();
  sharedState.stop();
  dispatcher.wake();
  await clock.passSlowly(5000);
  assert.not(hasEnded());
  call.resolve({ kind: 'committed' });
  await rest();
  assert.ok(hasEnded());
  assert.is((await totals())[0]?.count, 1);
  assert.equal(await books.owners(), { kind: 'ok', value: [] });
});

test('a stop waits for no processor that does not let a payment through; the next start goes on with it', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore();
  const world = setUp({}, store, clock);
  const { cheap, breakers, put } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.failed(0, 'timeout');
  const inDoubtAtMs = clock.nowMs();
  await world.stop();
  const next = setUp({}, store, clock);
  next.cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: inDoubtAtMs });
  await clock.passSlowly(100);
  assert.is((await next.entry(1))?.status, 'settled');
  assert.is(next.cheap.paid.length, 0);
  await next.stop();
});

test('a stop is seen when the ring wakes the dispatcher, which nothing else does', async () => {
  const world = setUp();
  await rest();
  world.sharedState.stop();
  world.source.wake();
  await rest();
  assert.ok(world.hasEnded());
});

test('a stop does not wait for the window of a batch', async () => {
  const world = setUp({ batchWindowMs: 1000 });
  await rest();
  world.sharedState.stop();
  world.dispatcher.wake();
  await rest();
  assert.ok(world.hasEnded());
});

// What a contract may say besides.

test('Retry-After makes the processor rest; its payments go elsewhere after their failover delay', async () => {
  const world = setUp({ failoverDelayMs: 2000 });
  const { clock, cheap, dear, put } = world;
  cheap.answers.push({ kind: 'refused', reason: '429', retryAfterMs: 30_000 });
  put(1);
  await clock.passSlowly(1900);
  put(2);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 0]);
  await clock.passSlowly(4100);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 2]);
  put(3, { acceptedAtMs: clock.nowMs() + 3000 });
  await clock.passSlowly(23_000);
  assert.equal([cheap.paid.length, dear.paid.length], [1, 3], 'nothing is sent there before it has rested');
  put(4);
  await clock.passSlowly(2000);
  assert.equal(idsOf(cheap), [idOf(1), idOf(4)]);
  await world.stop();
});

test('unfit: payments are not rejected, and go elsewhere once the breaker is open', async () => {
  const world = setUp({ failoverDelayMs: 500 });
  const { clock, cheap, dear, put, metricsTable, totals } = world;
  for (let number = 0; number < 20; number++) cheap.answers.push({ kind: 'unfit', reason: 'HTTP 401' });
  for (const number of [1, 2, 3, 4]) put(number);
  await clock.passSlowly(3000);
  assert.is(dear.paid.length, 4);
  assert.equal((await totals())[1], { count: 4, amountCents: 10 });
  assert.is(metricsTable.countedAt(0, 'paymentsRejected'), 0);
  assert.ok(metricsTable.countedAt(0, 'unfit') >= 3);
  await world.stop();
});

test('a processor that refuses everything is not believed that it holds nothing', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.unfit(0, 'HTTP 404');
  for (let number = 0; number < 1000; number++) cheap.answers.push({ kind: 'unfit', reason: 'HTTP 404' });
  await clock.passSlowly(TARGET.inDoubtHoldMs + 30_000);
  assert.ok(cheap.asked.length > 0);
  assert.is(dear.paid.length, 0, 'it may be charged here');
  cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: 77 });
  await clock.passSlowly(3000);
  assert.is((await entry(1))?.requestedAtMs, 77);
  await world.stop();
});

test('one of two machines behind an address is misconfigured: a failed call there, and a 404 of the other, free no payment', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, put, entry } = world;
  const refused = { kind: 'unfit', reason: 'HTTP 404' } as const;
  cheap.answers.push(refused, { kind: 'failed', reason: 'HTTP 500' });
  for (let number = 0; number < 100; number++) cheap.answers.push(refused);
  put(1);
  await clock.passSlowly(TARGET.inDoubtHoldMs - 1000);
  assert.ok(cheap.asked.length > 0);
  assert.is(dear.paid.length, 0, 'it may be charged here');
  cheap.founds.push({ kind: 'held', amountCents: 1, requestedAtMs: 77 });
  await clock.passSlowly(5000);
  assert.is((await entry(1))?.requestedAtMs, 77);
  await world.stop();
});

test('a payment in doubt at a processor that refuses everything is sent there again as a probe: there may be no other', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, breakers, sharedState, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  const stamp = stamps(cheap)[0];
  for (let failure = 0; failure < 3; failure++) breakers.unfit(0, 'HTTP 404');
  sharedState.setProbeAt(0, clock.monotonicMs() + 1e9);
  await clock.passSlowly(TARGET.inDoubtHoldMs + 5000);
  assert.is(cheap.paid.length, 1, 'only as a probe');
  sharedState.setProbeAt(0, clock.monotonicMs());
  await clock.passSlowly(2000);
  assert.equal(stamps(cheap), [stamp, stamp]);
  assert.is((await entry(1))?.status, 'settled');
  assert.not.ok(sharedState.breakerOpen(0));
  assert.is(dear.paid.length, 0);
  await world.stop();
});

test('a limit of one request at a time does not keep a payment in doubt from being sent again', async () => {
  const world = setUpWith([{ callsPerSecond: 10 }, {}], { failoverDelayMs: 0 });
  const { clock, cheap, breakers, put, entry } = world;
  cheap.answers.push(UNKNOWN);
  put(1);
  await rest();
  for (let failure = 0; failure < 3; failure++) breakers.unfit(0, 'HTTP 404');
  // Each look-up takes the room that the call after it would need.
  await clock.passSlowly(60_000);
  assert.ok(cheap.asked.length > 0);
  assert.is(cheap.paid.length, 2);
  assert.is((await entry(1))?.status, 'settled');
  await world.stop();
});

test('called a duplicate and never held: a few calls, and then it is rejected with the reason', async () => {
  const world = setUp();
  const { clock, cheap, dear, put, entry } = world;
  for (let number = 0; number < 100; number++) {
    cheap.answers.push({ kind: 'duplicate', reason: 'HTTP 422: amount too small' });
  }
  put(1);
  await clock.passSlowly(3000);
  assert.is((await entry(1))?.status, 'dispatched');
  await clock.passSlowly(TARGET.inDoubtHoldMs + 5000);
  const rejected = await entry(1);
  assert.is(rejected?.status, 'rejected');
  assert.is(rejected?.reason, 'called a duplicate 3 times, but not held: HTTP 422: amount too small');
  assert.equal([cheap.paid.length, dear.paid.length], [3, 0]);
  await world.stop();
});

test('pending: it stays with its processor, however long that takes, and is settled when charged', async () => {
  const world = setUp({ failoverDelayMs: 0 });
  const { clock, cheap, dear, put, entry, breakers } = world;
  cheap.answers.push({ kind: 'pending' });
  for (let number = 0; number < 1000; number++) cheap.founds.push({ kind: 'pending' });
  put(1);
  await clock.passSlowly(3 * TARGET.inDoubtHoldMs);
  assert.not(breakers.views()[0]?.open, 'it is no failure');
  assert.equal([cheap.paid.length, dear.paid.length], [1, 0]);
  assert.is((await entry(1))?.status, 'dispatched');
  cheap.founds.length = 0;
  cheap.founds.push({ kind: 'absent' }, { kind: 'held', amountCents: null, requestedAtMs: null });
  await clock.passSlowly(5000);
  const settled = await entry(1);
  assert.is(settled?.status, 'settled', 'a look-up that lags behind sends it nowhere');
  assert.is(settled?.requestedAtMs, cheap.paid[0]?.requestedAtMs);
  await world.stop();
});

test('pending, and declined in the end: it is rejected with the reason', async () => {
  const world = setUp();
  const { clock, cheap, put, entry } = world;
  cheap.answers.push({ kind: 'pending' });
  cheap.founds.push({ kind: 'pending' }, { kind: 'rejected', reason: 'insufficient funds' });
  put(1);
  await clock.passSlowly(5000);
  const rejected = await entry(1);
  assert.equal([rejected?.status, rejected?.reason], ['rejected', 'insufficient funds']);
  await world.stop();
});

test('Retry-After of a look-up is kept by look-ups, while payments go on', async () => {
  const world = setUp();
  const { clock, cheap, put, totals } = world;
  cheap.answers.push(UNKNOWN, UNKNOWN);
  cheap.founds.push({ kind: 'unknown', reason: '429', retryAfterMs: 20_000 });
  put(1);
  await clock.passSlowly(3000);
  assert.is(cheap.asked.length, 1);
  put(2);
  put(3);
  await clock.passSlowly(10_000);
  assert.is(cheap.asked.length, 1, 'payment 2 is in doubt, too');
  assert.is(cheap.paid.length, 3);
  await clock.passSlowly(15_000);
  assert.ok(cheap.asked.length > 1);
  await clock.passSlowly(TARGET.inDoubtHoldMs);
  assert.equal((await totals())[0], { count: 3, amountCents: 6 });
  await world.stop();
});

test('each processor has its own timeout, hold and limit of failures', async () => {
  const world = setUpWith([
    { timeoutMs: 700, inDoubtHoldMs: 9000, breaker: { ...BREAKER, failures: 1 } },
    { timeoutMs: 900 },
  ]);
  world.cheap.answers.push(UNKNOWN);
  world.put(1);
  await world.clock.passSlowly(10);
  assert.equal(world.cheap.timeoutsMs, [700]);
  assert.ok(world.breakers.views()[0]?.open, 'one failure is enough');
  await world.clock.passSlowly(TARGET.inDoubtHoldMs + 3000);
  assert.is(world.dear.paid.length, 0, 'the payment is held for as long as its own processor needs');
  await world.clock.passSlowly(9000);
  await world.stop();
  assert.is(world.cheap.paid.length + world.dear.paid.length, 2);
});

test('no second has more requests to a processor than its limit, look-ups included', async () => {
  for (const batchWindowMs of [0, 50, 200, 1000]) {
    const breaker = { ...BREAKER, failures: 100 };
    const world = setUpWith([{ callsPerSecond: 20, breaker }], { batchWindowMs, failoverDelayMs: 60_000 });
    const { clock, cheap } = world;
    cheap.answers.push(...Array<PayOutcome>(30).fill(FAILED));
    const atMs: number[] = [];
    cheap.onPay = () => atMs.push(clock.monotonicMs());
    cheap.onFind = () => atMs.push(clock.monotonicMs());
    for (let number = 1; number <= 60; number++) world.put(number);
    await clock.passSlowly(20_000);
    assert.is(cheap.paid.length, 90, 'each is sent once more after a failure');
    assert.is(cheap.asked.length, 30);
    const most = Math.max(
      ...atMs.map((fromMs) => atMs.filter((at) => at >= fromMs && at < fromMs + 1000).length),
    );
    assert.ok(most <= 20, `${most} requests in a second, with a window of ${batchWindowMs} ms`);
    await world.stop();
  }
});

/** Amounts up to 1.00 go to the cheap one first, greater ones to the dear one, and those above 10.00 to neither. */
const TARIFFS = [
  { feePpm: 100_000, feeFixedCents: 0, maxAmountCents: 1000 },
  { feePpm: 0, feeFixedCents: 10, maxAmountCents: 1000 },
];

test('each payment goes to the processor that is cheapest for its amount', async () => {
  const world = setUpWith(TARIFFS);
  for (const amountCents of [50, 99, 100, 101, 1000]) world.put(amountCents);
  await world.stop();
  const amounts = (processor: ScriptedProcessor) => processor.paid.map(({ amountCents }) => amountCents);
  assert.equal(amounts(world.cheap), [50, 99, 100]);
  assert.equal(amounts(world.dear), [101, 1000]);
});

test('payments of one amount class that wait do not hold up those of another', async () => {
  const world = setUpWith(TARIFFS, { failoverDelayMs: 60_000 });
  await rest();
  shutCheap(world);
  world.put(1);
  world.put(500);
  world.put(2);
  world.put(501);
  await world.clock.passSlowly(1000);
  assert.equal(
    world.dear.paid.map(({ amountCents }) => amountCents),
    [500, 501],
  );
  assert.is(world.cheap.paid.length, 0);
  assert.equal(world.reasons(), ['failing', 'after-failover-delay'], 'those of the payments that wait');
  world.breakers.succeeded(0, 5);
  await world.clock.passSlowly(100);
  assert.equal(
    world.cheap.paid.map(({ amountCents }) => amountCents),
    [1, 2],
  );
  await world.stop();
});

test('of two classes that want the same processor, the one whose payment is oldest comes first', async () => {
  // Both classes begin with the cheap processor.
  const world = setUpWith([{ feePpm: 0, callLimit: 1 }, { maxAmountCents: 100 }], { batchWindowMs: 10 });
  for (const number of [500, 1, 501]) {
    world.put(number);
    world.clock.pass(1);
  }
  await world.clock.passSlowly(1000);
  await world.stop();
  assert.equal(
    world.cheap.paid.map(({ amountCents }) => amountCents),
    [500, 1, 501],
  );
});

test('payments that no processor takes wait, are reported, and keep no room from others', async () => {
  const world = setUpWith(TARIFFS, { inFlightLimit: 3 });
  for (let number = 1; number <= 10; number++) world.put(1000 + number);
  for (let number = 1; number <= 10; number++) world.put(number);
  await world.clock.passSlowly(1000);
  assert.is(world.cheap.paid.length, 10);
  assert.is(world.metricsTable.gauge(0, 'notTaken'), 10);
  assert.is(world.metricsTable.gauge(0, 'waiting'), 10);
  const lines = world.log.lines.filter((line) => line.includes('amounts no processor takes'));
  assert.ok(lines.length >= 1 && lines.length <= 5, lines.join());
  assert.not(world.source.released.includes(1001), 'the journal keeps them');
  const purgedAtMs = world.clock.nowMs() + 1;
  await world.books.purge(purgedAtMs);
  world.sharedState.raisePurgedAt(purgedAtMs);
  world.dispatcher.wake();
  await world.clock.passSlowly(100);
  assert.is(world.metricsTable.gauge(0, 'notTaken'), 0);
  assert.ok(world.source.released.includes(1001));
  await world.stop();
});

test('a stop does not wait for payments that no processor takes', async () => {
  const world = setUpWith(TARIFFS);
  world.put(5000);
  await world.clock.passSlowly(100);
  await world.stop();
  assert.ok(world.hasEnded());
});

test('a processor at its limit of calls a second is waited for, and after the failover delay others take the rest', async () => {
  const world = setUpWith([{ callsPerSecond: 5 }, {}], { failoverDelayMs: 2000 });
  const { clock, cheap, dear } = world;
  for (let number = 1; number <= 30; number++) world.put(number);
  await clock.passSlowly(1900);
  assert.is(dear.paid.length, 0);
  assert.ok(cheap.paid.length >= 8 && cheap.paid.length <= 10, `${cheap.paid.length}`);
  await clock.passSlowly(500);
  assert.is(cheap.paid.length + dear.paid.length, 30);
  assert.ok(dear.paid.length >= 18);
  world.put(31);
  await clock.passSlowly(1000);
  assert.is(cheap.paid.at(-1)?.correlationId, idOf(31), 'the next one goes to the cheap one again');
  await world.stop();
});

test.run();
