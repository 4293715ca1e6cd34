import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CallTimes,
  type DeliveryEvent,
  type DeliveryState,
  next,
  QUEUED,
  type Transition,
} from '../../src/pool/delivery.ts';
import type { LookUpOutcome, PayOutcome } from '../../src/processor/processor.ts';

/** Small times, so that every order of events can be tried. */
const HOLD_MS = 3;
const PAYMENT = { correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3', amountCents: 1990, acceptedAtMs: 1 };
const reason = 'a reason';

const ANSWERS: readonly PayOutcome[] = [
  { kind: 'unknown', reason },
  { kind: 'pending' },
  { kind: 'duplicate', reason },
  { kind: 'failed', reason },
  { kind: 'refused', reason },
  { kind: 'unfit', reason },
  { kind: 'exhausted', reason },
  { kind: 'rejected', reason },
];
const FOUND: readonly LookUpOutcome[] = [
  { kind: 'absent' },
  { kind: 'unknown', reason },
  { kind: 'pending' },
];

/** A delivery, and what is true at its processor. */
interface World {
  readonly nowMs: number;
  readonly state: DeliveryState;
  /**
   * Until when some call may still charge the payment; 0: none may, and none has. A call that was not answered for certain
   * counts until a look-up that began when it had ended has not found the payment. So does each call to a processor that is
   * not believed.
   */
  readonly mayChargeUntilMs: number;
}

/** Every event that may come next, with what it says about the processor. */
function* following({ nowMs, state, mayChargeUntilMs }: World): Generator<[DeliveryEvent, World]> {
  const laterMs = nowMs + 1;
  const world = (ms: number, untilMs: number): World => ({ nowMs: ms, state, mayChargeUntilMs: untilMs });
  switch (state.phase) {
    case 'calling':
      for (const answer of ANSWERS) {
        const isOpen = answer.kind === 'unknown' || answer.kind === 'pending';
        const untilMs = isOpen ? Math.max(mayChargeUntilMs, state.calledAtMs + HOLD_MS) : mayChargeUntilMs;
        for (const mayAsk of [true, false])
          yield [{ kind: 'answered', answer, mayAsk }, world(laterMs, untilMs)];
      }
      return;
    case 'in-doubt':
      for (const waitedMs of [1, HOLD_MS])
        for (const repeat of state.isRepeatDue ? [null, callAt(nowMs + waitedMs)] : [null])
          yield [{ kind: 'timer', mayAsk: true, repeat }, world(nowMs + waitedMs, mayChargeUntilMs)];
      return;
    case 'asking':
      // The answer may take so long that the last call has ended meanwhile.
      for (const found of FOUND)
        for (const isBelieved of found.kind === 'absent' ? [true, false] : [true])
          for (const tookMs of [1, HOLD_MS])
            for (const mayRepeat of [true, false]) {
              const answeredMs = nowMs + tookMs;
              const call = callAt(answeredMs);
              const proves = found.kind === 'absent' && isBelieved && nowMs >= mayChargeUntilMs;
              const pendingUntilMs = call.callMayRunUntilMs;
              const openUntilMs =
                found.kind === 'pending' ? pendingUntilMs : isBelieved ? 0 : state.callMayRunUntilMs;
              const untilMs = Math.max(mayChargeUntilMs, openUntilMs);
              yield [
                {
                  kind: 'looked-up',
                  found,
                  isBelieved,
                  askedAtMs: nowMs,
                  pendingUntilMs,
                  repeat: mayRepeat ? call : null,
                },
                world(answeredMs, proves ? 0 : untilMs),
              ];
            }
  }
}

function callAt(calledAtMs: number): CallTimes {
  return { calledAtMs, callMayRunUntilMs: calledAtMs + HOLD_MS };
}

/** Whether the delivery leaves the processor: another may get the payment, or none. */
function leaves({ state, effects }: Transition): boolean {
  if (state.phase === 'backing-off') return true;
  return effects.some((effect) => effect.kind === 'settle' && effect.outcome.status === 'rejected');
}

/** States that differ only in when they are have the same future. */
function futureOf({ nowMs, state, mayChargeUntilMs }: World): string {
  const { phase, calledAtMs, callMayRunUntilMs, inDoubtUntilMs, duplicates, mayRepeat, isRepeatDue } = state;
  const left = (ms: number) => (ms === 0 ? 'none' : Math.max(0, ms - nowMs));
  const since = phase === 'calling' ? nowMs - calledAtMs : 0;
  const times = [left(callMayRunUntilMs), left(inDoubtUntilMs), left(mayChargeUntilMs), since];
  return [phase, Math.min(duplicates, 9), mayRepeat, isRepeatDue, ...times].join(' ');
}

test('a payment leaves its processor only once no call there can charge it, whatever happens in which order', () => {
  const seen = new Set<string>();
  let leftCount = 0;
  let stayedInDoubtCount = 0;
  const claimed: DeliveryState = { ...QUEUED, phase: 'calling', holdsSlot: true, isClaimed: true };
  const open: World[] = [{ nowMs: 10, state: { ...claimed, ...callAt(10) }, mayChargeUntilMs: 0 }];
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    for (const [event, { nowMs, mayChargeUntilMs }] of following(world)) {
      const transition = next(world.state, event, PAYMENT);
      if (leaves(transition)) {
        leftCount++;
        assert.is(mayChargeUntilMs, 0, JSON.stringify({ before: world, event, after: transition.state }));
        continue;
      }
      const after = { nowMs, state: transition.state, mayChargeUntilMs };
      if (after.state.phase === 'in-doubt' && nowMs < mayChargeUntilMs) stayedInDoubtCount++;
      const future = futureOf(after);
      if (seen.has(future)) continue;
      seen.add(future);
      open.push(after);
    }
  }
  assert.ok(seen.size > 100, `${seen.size} states`);
  assert.ok(leftCount > 100, `left ${leftCount} times`);
  assert.ok(stayedInDoubtCount > 100, `stayed in doubt ${stayedInDoubtCount} times`);
});

test.run();
