import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { breachesOf, type Course, type Judged } from '../../src/certify/judge.ts';
import type { Situation } from '../../src/certify/situation.ts';
import { NO_STORY } from '../../src/core/attempt.ts';
import type { LedgerEntry } from '../../src/ledger/ledger.ts';
import type { LookUpOutcome } from '../../src/processor/processor.ts';

const SITUATION: Situation = { kind: 'lost', name: 'test', script: () => ({}) };
const PAYMENT = { correlationId: 'id', amountCents: 100, acceptedAtMs: 1 };
const ABSENT: LookUpOutcome = { kind: 'absent' };
const HELD: LookUpOutcome = { kind: 'held', amountCents: 100, requestedAtMs: 7 };
const ENTRY: LedgerEntry = {
  ...PAYMENT,
  status: 'settled',
  owner: 0,
  processor: 0,
  processorName: 'certified',
  requestedAtMs: 7,
  attempts: 1,
  story: NO_STORY,
  reason: '',
  conflictingAmountCents: null,
};
const GOOD: Judged = { payment: PAYMENT, entry: ENTRY, held: [HELD, ABSENT], exchanges: [], isLater: false };
const ONE = { count: 1, amountCents: 100 };
const NONE = { count: 0, amountCents: 0 };

/** One payment in the situation and a later one, so that the totals of the certified processor are two. */
function broken(judged: Partial<Judged>, course: Partial<Course> = {}): string[] {
  const later: Judged = { ...GOOD, isLater: true };
  const breaches = breachesOf({
    situation: SITUATION,
    payments: [{ ...GOOD, ...judged }, later],
    totals: [{ count: 2, amountCents: 200 }, NONE],
    exchanges: [],
    calls: [],
    askedAgain: [],
    openCount: 0,
    tookMs: 1000,
    ...course,
  });
  return breaches.map(({ promise }) => promise);
}

test('all is well', () => assert.equal(broken({}), []));

test('lost: neither settled nor rejected, or rejected without a reason to', () => {
  const totals = [ONE, NONE];
  const held = [ABSENT, ABSENT];
  assert.equal(broken({ entry: undefined, held }, { totals }), ['nothing lost']);
  assert.equal(broken({ entry: { ...ENTRY, status: 'dispatched' }, held }, { totals }), ['nothing lost']);
  const rejected = { entry: { ...ENTRY, status: 'rejected' as const }, held };
  assert.equal(broken(rejected, { totals }), ['nothing lost']);
  assert.equal(broken(rejected, { totals, situation: { ...SITUATION, mayReject: true } }), []);
});

test('charged twice: by both, or in spite of a rejection', () => {
  assert.ok(broken({ held: [HELD, HELD] }).includes('nothing charged twice'));
  const rejected = { ...ENTRY, status: 'rejected' as const };
  assert.ok(broken({ entry: rejected }).includes('nothing charged twice'));
});

test('the truth: not held there, another amount, another stamp, other totals', () => {
  const truth = 'the summary tells the truth';
  assert.ok(broken({ held: [ABSENT, ABSENT] }).includes(truth));
  assert.equal(broken({ held: [{ ...HELD, amountCents: 99 }, ABSENT] }), [truth, truth]);
  assert.equal(broken({ held: [{ ...HELD, requestedAtMs: 8 }, ABSENT] }), [truth]);
  assert.equal(broken({ held: [{ ...HELD, amountCents: null, requestedAtMs: null }, ABSENT] }), []);
  assert.equal(broken({}, { totals: [ONE, NONE] }), [truth]);
  assert.equal(broken({}, { totals: [{ count: 2, amountCents: 201 }, NONE] }), [truth]);
});

test('cheapest first: not used again, or not used although nothing is wrong', () => {
  const elsewhere = { entry: { ...ENTRY, processor: 1 }, held: [ABSENT, HELD] };
  const totals = [ONE, ONE];
  assert.equal(broken(elsewhere, { totals }), []);
  assert.equal(broken(elsewhere, { totals, situation: { ...SITUATION, isHarmless: true } }), [
    'cheapest first',
  ]);
  assert.equal(broken({}, { payments: [GOOD], totals: [ONE, NONE] }), ['cheapest first']);
});

test('idempotent and bounded', () => {
  assert.equal(broken({}, { askedAgain: ['id'] }), ['idempotent']);
  assert.equal(broken({}, { openCount: 1 }), ['bounded']);
});

test.run();
