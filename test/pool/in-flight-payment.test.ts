import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Held, type HeldState, NOT_JOURNALED } from '../../src/pool/in-flight-payment.ts';
import { ManualClock } from '../manual-clock.ts';

const PAYMENT = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  acceptedAtMs: 1000,
};

/** The table, once more, and a way into each state. */
const TABLE: Record<HeldState, { readonly way: readonly HeldState[]; readonly to: readonly HeldState[] }> = {
  waiting: { way: [], to: ['claiming', 'gone'] },
  claiming: { way: ['claiming'], to: ['calling', 'waiting', 'gone'] },
  calling: { way: ['claiming', 'calling'], to: ['settling', 'asking', 'resting', 'pinned', 'gone'] },
  resting: { way: ['claiming', 'calling', 'resting'], to: ['waiting', 'gone'] },
  pinned: { way: ['claiming', 'calling', 'pinned'], to: ['asking', 'gone'] },
  asking: {
    way: ['claiming', 'calling', 'asking'],
    to: ['settling', 'resting', 'calling', 'pinned', 'gone'],
  },
  settling: { way: ['claiming', 'calling', 'settling'], to: ['gone'] },
  gone: { way: ['gone'], to: [] },
};
const STATES = Object.keys(TABLE) as HeldState[];

test('begins waiting, or pinned when another owner had sent it', () => {
  assert.is(new Held(PAYMENT, 7, new ManualClock()).state, 'waiting');
  const adopted = new Held(PAYMENT, NOT_JOURNALED, new ManualClock(), 'pinned');
  assert.is(adopted.state, 'pinned');
  assert.is(adopted.journalRef, -1);
});

test('begins unclaimed, without a setback, and without doubt', () => {
  const held = new Held(PAYMENT, 7, new ManualClock());
  assert.is(held.payment, PAYMENT);
  assert.is(held.journalRef, 7);
  assert.not(held.claimed);
  assert.is(held.doubtUntilMs, 0);
  assert.is(held.setbacks, 0);
});

for (const from of STATES) {
  test(`${from} moves on as the table says, and no other way`, () => {
    for (const to of STATES) {
      const held = new Held(PAYMENT, 7, new ManualClock());
      for (const state of TABLE[from].way) held.move(state);
      if (TABLE[from].to.includes(to)) {
        held.move(to);
        assert.is(held.state, to);
      } else {
        assert.throws(() => held.move(to), `${from} -> ${to}`);
        assert.is(held.state, from);
      }
    }
  });
}

test.run();
