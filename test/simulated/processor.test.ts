import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Fault, readFault } from '../../src/simulated/fault.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import type { Reply } from '../../src/simulated/reply.ts';
import { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';

function make(): { clock: ManualClock; processor: SimulatedProcessor } {
  const clock = new ManualClock();
  const fee = { units: 5n, scale: 2 };
  return { clock, processor: new SimulatedProcessor({ clock, random: () => 0, fee, token: '123' }) };
}

function payment(number: number, amountCents = 100, requestedAtMs = 0) {
  const correlationId = idOf(number);
  return { correlationId, amountCents, requestedAtMs };
}

function statusOf(reply: Reply | undefined): number | string | undefined {
  return reply?.kind === 'answer' ? reply.status : reply?.kind;
}

/** Calls `pay` and keeps the reply. */
function pay(processor: SimulatedProcessor, number: number) {
  const call: { reply?: Reply; hangUp: () => void } = { hangUp: () => {} };
  call.hangUp = processor.pay(payment(number), (reply) => {
    assert.is(call.reply, undefined, 'one reply a call');
    call.reply = reply;
  });
  return call;
}

function held(processor: SimulatedProcessor, number: number): boolean {
  let status: number | string | undefined;
  processor.find(payment(number).correlationId, (reply) => {
    status = statusOf(reply);
  });
  return status === 200;
}

function fault(body: Record<string, unknown>): Fault | 'none' {
  const read = readFault(body);
  if (read === null) throw new Error('no fault');
  return read;
}

function bodyOf(reply: Reply): unknown {
  return reply.kind === 'answer' && reply.body !== null ? JSON.parse(reply.body) : null;
}

test('takes a payment once', () => {
  const { processor } = make();
  assert.is(statusOf(pay(processor, 1).reply), 200);
  assert.is(statusOf(pay(processor, 1).reply), 422);
  assert.is(held(processor, 1), true);
  assert.is(held(processor, 2), false);
});

test('sleeps, then fails if configured to by then, otherwise inserts', () => {
  const { clock, processor } = make();
  processor.configureDelay(100);
  const first = pay(processor, 1);
  clock.pass(50);
  const second = pay(processor, 2);
  clock.pass(50);
  assert.is(statusOf(first.reply), 200);
  assert.is(second.reply, undefined);
  assert.is(held(processor, 2), false);
  processor.configureFailure(true);
  clock.pass(50);
  assert.is(statusOf(second.reply), 500);
  assert.is(held(processor, 2), false);
});

test('keeps the delay that applied when the payment arrived', () => {
  const { clock, processor } = make();
  processor.configureDelay(100);
  const early = pay(processor, 1);
  processor.configureDelay(0);
  assert.is(statusOf(pay(processor, 2).reply), 200);
  assert.is(early.reply, undefined);
  clock.pass(100);
  assert.is(statusOf(early.reply), 200);
});

test('inserts even if the caller leaves during the delay', () => {
  const { clock, processor } = make();
  processor.configureDelay(100);
  pay(processor, 1).hangUp();
  assert.is(held(processor, 1), false);
  clock.pass(100);
  assert.is(held(processor, 1), true);
});

test('runs 800 calls, queues 500, refuses more, and never runs a queued call whose caller has left', () => {
  const { clock, processor } = make();
  processor.configureDelay(100);
  const calls = Array.from({ length: 1300 }, (_, number) => pay(processor, number));
  const refused = pay(processor, 1300).reply;
  assert.equal(statusOf(refused), 429);
  assert.is(refused?.kind === 'answer' && refused.retryAfterS, 5);
  calls[900]?.hangUp();
  assert.is(pay(processor, 1301).reply, undefined);
  clock.pass(100);
  assert.is(calls.filter(({ reply }) => reply !== undefined).length, 800);
  assert.is(calls[800]?.reply, undefined);
  clock.pass(100);
  assert.is(calls.filter(({ reply }) => statusOf(reply) === 200).length, 1299);
  assert.is(held(processor, 900), false);
  assert.is(held(processor, 1301), true);
});

test('queues look-ups behind payments', () => {
  const { clock, processor } = make();
  processor.configureDelay(100);
  for (let number = 0; number < 800; number++) pay(processor, number);
  const found: Reply[] = [];
  processor.find(payment(0).correlationId, (reply) => found.push(reply));
  assert.is(found.length, 0);
  clock.pass(100);
  assert.is(statusOf(found[0]), 200);
});

test('answers one health call per five seconds, and lists all of them', () => {
  const { clock, processor } = make();
  processor.configureDelay(70);
  const startMs = clock.nowMs();
  assert.equal(bodyOf(processor.health()), { failing: false, minResponseTime: 70 });
  processor.configureFailure(true);
  clock.pass(4999);
  assert.is(statusOf(processor.health()), 429);
  clock.pass(1);
  assert.equal(bodyOf(processor.health()), { failing: true, minResponseTime: 70 });
  assert.equal(bodyOf(processor.healthCalls()), [
    { receivedAtMs: startMs, limited: false },
    { receivedAtMs: startMs + 4999, limited: true },
    { receivedAtMs: startMs + 5000, limited: false },
  ]);
  for (let call = 0; call < 1000; call++) processor.health();
  assert.is((bodyOf(processor.healthCalls()) as unknown[]).length, 1000);
});

test('sums a window, or everything if a bound is missing, with an exact fee', () => {
  const { processor } = make();
  const ignore = () => {};
  processor.pay(payment(1, 1, 1000), ignore);
  processor.pay(payment(2, 999_999, 2000), ignore);
  processor.pay(payment(3, 1990, 3000), ignore);
  assert.equal(bodyOf(processor.summary(2000, 3000)), {
    totalAmount: 10_019.89,
    totalRequests: 2,
    totalFee: 500.9945,
    feePerTransaction: 0.05,
  });
  const all = { totalAmount: 10_019.9, totalRequests: 3, totalFee: 500.995, feePerTransaction: 0.05 };
  assert.equal(bodyOf(processor.summary(null, null)), all);
  assert.equal(bodyOf(processor.summary(3000, null)), all);
  assert.equal(bodyOf(processor.summary(null, 1000)), all);
  assert.is((bodyOf(processor.summary(2001, 2999)) as { totalRequests: number }).totalRequests, 0);
});

test('every fault behaves as documented', () => {
  const expected: [string, number | string, boolean][] = [
    ['drop-before-commit', 'drop', false],
    ['drop-after-commit', 'drop', true],
    ['500-after-commit', 500, true],
    ['400', 400, false],
    ['429', 429, false],
    ['503', 503, false],
    ['402', 402, false],
    ['garbage', 'garbage', true],
    ['half-response', 'half', true],
  ];
  const { processor } = make();
  for (const [number, [kind, status, commits]] of expected.entries()) {
    processor.configureFault(fault({ kind, count: 1 }));
    assert.is(statusOf(pay(processor, number).reply), status, kind);
    assert.is(held(processor, number), commits, kind);
  }
});

test('hangs, and commits in the end even if the caller has left', () => {
  const { clock, processor } = make();
  processor.configureFault(fault({ kind: 'hang', delayMs: 3000, count: 2 }));
  const patient = pay(processor, 1);
  pay(processor, 2).hangUp();
  clock.pass(2999);
  assert.is(patient.reply, undefined);
  assert.is(held(processor, 2), false);
  clock.pass(1);
  assert.is(statusOf(patient.reply), 200);
  assert.is(held(processor, 2), true);
});

test('answers at once, and commits later', () => {
  const expected: [string, number][] = [
    ['500-before-commit', 500],
    ['503-before-commit', 503],
    ['408', 408],
    ['409', 409],
    ['423', 423],
    ['425', 425],
  ];
  const { clock, processor } = make();
  for (const [number, [kind, status]] of expected.entries()) {
    processor.configureFault(fault({ kind, count: 1, delayMs: 300 }));
    assert.is(statusOf(pay(processor, number).reply), status, kind);
    clock.pass(299);
    assert.is(held(processor, number), false, kind);
    clock.pass(1);
    assert.is(held(processor, number), true, kind);
  }
});

test('refuses every request, look-ups of payments that it holds and health calls included', () => {
  for (const kind of ['401', '403', '404', '405']) {
    const { processor } = make();
    pay(processor, 1);
    processor.configureFault(fault({ kind }));
    assert.is(statusOf(pay(processor, 2).reply), Number(kind));
    assert.is(held(processor, 1), false);
    assert.is(statusOf(processor.health()), Number(kind));
    processor.configureFault('none');
    assert.is(held(processor, 1), true);
    assert.is(held(processor, 2), false);
  }
});

test('limits look-ups alone, with the delay that it is told to ask for', () => {
  const { processor } = make();
  processor.configureFault(fault({ kind: 'look-up-429', retryAfterS: 7 }));
  assert.is(statusOf(pay(processor, 1).reply), 200);
  let retryAfterS: number | null = null;
  processor.find(payment(1).correlationId, (reply) => {
    if (reply.kind === 'answer') retryAfterS = reply.retryAfterS;
  });
  assert.is(retryAfterS, 7);
});

test('clears faults, and lists the remaining ones', () => {
  const { processor } = make();
  const set = processor.configureFault(fault({ kind: '429' }));
  assert.equal(bodyOf(set), { faults: [{ kind: '429', rate: 1, count: null, delayMs: 0, retryAfterS: 1 }] });
  assert.equal(bodyOf(processor.configureFault('none')), { faults: [] });
  assert.is(statusOf(pay(processor, 1).reply), 200);
});

test('purges only payments', () => {
  const { processor } = make();
  pay(processor, 1);
  processor.configureFailure(true);
  processor.purge();
  assert.is(held(processor, 1), false);
  assert.is(statusOf(pay(processor, 1).reply), 500);
});

test.run();
