import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import type { ClaimReply } from '../../src/ledger/ledger.ts';
import {
  Delivery,
  type DeliveryEvent,
  type DeliveryState,
  type Effect,
  isInDoubt,
  keyOf,
  next,
  type Phase,
  QUEUED,
  type SettlementOutcome,
  takenOver,
} from '../../src/pool/delivery.ts';
import type { LookUpOutcome, PayOutcome } from '../../src/processor/processor.ts';

const PAYMENT = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  acceptedAtMs: 1000,
};
/** A state with a value in each field that must be kept. */
const USED: DeliveryState = {
  ...QUEUED,
  isClaimed: true,
  processor: 1,
  requestedAtMs: 5000,
  calledAtMs: 100,
  callMayRunUntilMs: 900,
  setbacks: 2,
};
const IN_DOUBT_UNTIL = 700;
const CALL = { calledAtMs: 300, callMayRunUntilMs: 1100 };

const ACQUIRE: Effect = { kind: 'acquire-slot' };
const RELEASE: Effect = { kind: 'release-slot' };
const REQUEUE: Effect = { kind: 'requeue' };
const REMOVE: Effect = { kind: 'remove' };
const RELEASE_JOURNAL: Effect = { kind: 'release-journal' };
const LOOK_UP: Effect = { kind: 'look-up' };
const SEND: Effect = { kind: 'call' };
const TIMER: Effect = { kind: 'start-timer' };
const settleOf = (
  outcome: SettlementOutcome['outcome'],
  amountCents: number,
  requestedAtMs: number,
  rejected?: string,
): Effect => ({
  kind: 'settle',
  outcome: {
    status: rejected === undefined ? 'settled' : 'rejected',
    amountCents,
    requestedAtMs,
    reason: rejected ?? '',
    outcome,
  },
});

const ANSWERS: Record<PayOutcome['kind'], PayOutcome> = {
  committed: { kind: 'committed' },
  pending: { kind: 'pending' },
  duplicate: { kind: 'duplicate', reason: '422' },
  unfit: { kind: 'unfit', reason: '401' },
  refused: { kind: 'refused', reason: '429' },
  exhausted: { kind: 'exhausted', reason: 'EMFILE' },
  failed: { kind: 'failed', reason: '500' },
  unknown: { kind: 'unknown', reason: 'timeout' },
  rejected: { kind: 'rejected', reason: '400 amount' },
};
const FOUND: Record<LookUpOutcome['kind'], LookUpOutcome> = {
  held: { kind: 'held', amountCents: 1991, requestedAtMs: 4999 },
  absent: { kind: 'absent' },
  pending: { kind: 'pending' },
  rejected: { kind: 'rejected', reason: 'declined' },
  unknown: { kind: 'unknown', reason: 'timeout' },
};
const claimReplied = (reply: ClaimReply, call: typeof CALL | null = CALL): DeliveryEvent => ({
  kind: 'claim-replied',
  reply,
  call,
});
const answered = (kind: PayOutcome['kind'], mayAsk = true): DeliveryEvent => ({
  kind: 'answered',
  answer: ANSWERS[kind],
  mayAsk,
});
const lookedUp = (
  kind: LookUpOutcome['kind'],
  askedAtMs: number,
  repeat: typeof CALL | null,
  isBelieved = true,
): DeliveryEvent => ({
  kind: 'looked-up',
  found: FOUND[kind],
  isBelieved,
  askedAtMs,
  pendingUntilMs: 1500,
  repeat,
});

const EVENTS: Record<string, DeliveryEvent> = {
  routed: { kind: 'routed', processor: 1, why: 'probe', requestedAtMs: 6000 },
  claimed: claimReplied('claimed'),
  'claimed, and the lease has run out': claimReplied('claimed', null),
  known: claimReplied('known'),
  conflict: claimReplied('conflict'),
  purged: claimReplied('purged'),
  fenced: claimReplied('fenced'),
  'claim lost': { kind: 'claim-lost' },
  committed: answered('committed'),
  duplicate: answered('duplicate'),
  refused: answered('refused'),
  'duplicate, look-ups unwanted': answered('duplicate', false),
  'failed, look-ups unwanted': answered('failed', false),
  pending: answered('pending'),
  unfit: answered('unfit'),
  exhausted: answered('exhausted'),
  failed: answered('failed'),
  unknown: answered('unknown'),
  rejected: answered('rejected'),
  held: lookedUp('held', IN_DOUBT_UNTIL - 1, CALL),
  'no answer to the look-up': lookedUp('unknown', IN_DOUBT_UNTIL - 1, CALL),
  'absent, asked while a call may run': lookedUp('absent', IN_DOUBT_UNTIL - 1, CALL),
  'absent, asked while a call may run, no repeat': lookedUp('absent', IN_DOUBT_UNTIL - 1, null),
  'absent, asked when no call can run': lookedUp('absent', IN_DOUBT_UNTIL, CALL),
  'absent, not believed': lookedUp('absent', IN_DOUBT_UNTIL, null, false),
  'pending there': lookedUp('pending', IN_DOUBT_UNTIL - 1, CALL),
  'rejected there': lookedUp('rejected', IN_DOUBT_UNTIL - 1, CALL),
  'timer, may ask': { kind: 'timer', mayAsk: true, repeat: null },
  'timer, may not ask': { kind: 'timer', mayAsk: false, repeat: null },
  'timer, may repeat': { kind: 'timer', mayAsk: false, repeat: CALL },
  settled: { kind: 'settled' },
  dropped: { kind: 'dropped' },
};

type Expected = readonly [changes: Partial<DeliveryState>, ...effects: Effect[]];

const DONE: Partial<DeliveryState> = { phase: 'done' };
const DONE_FREE: Partial<DeliveryState> = { phase: 'done', holdsSlot: false };
const BACK_IN_QUEUE: Expected = [{ phase: 'queued', holdsSlot: false }, RELEASE, REQUEUE];
const CLAIM_DENIED: Expected = [DONE_FREE, RELEASE, RELEASE_JOURNAL, REMOVE];
/** The step from a phase with a slot to one with a timer. */
const waits = (phase: Phase, more: Partial<DeliveryState> = {}): Expected => [
  { phase, holdsSlot: false, setbacks: USED.setbacks + 1, ...more },
  RELEASE,
  TIMER,
];
/** The attempt has ended, and another may follow. */
const ended = (outcome: AttemptOutcome): Partial<DeliveryState> => ({
  ended: { requestedAtMs: 5000, outcome },
});
const settles = (...outcome: Parameters<typeof settleOf>): Expected => [
  { phase: 'settling', holdsSlot: false },
  RELEASE,
  settleOf(...outcome),
];
const NOTHING: Expected = [{}];
const REFUSED_OFTEN: Partial<DeliveryState> = { duplicates: 3, duplicateReason: 'HTTP 422' };
const REFUSED_ONCE: Partial<DeliveryState> = { duplicates: 1, duplicateReason: '422' };
const SLOT_BACK: Expected = [{ holdsSlot: false }, RELEASE];

/** What follows a look-up, whatever the payment has been through. */
const LOOKED_UP: Record<string, Expected> = {
  held: settles('found-charged', 1991, 4999),
  'no answer to the look-up': waits('in-doubt'),
  'pending there': waits('in-doubt', { inDoubtUntilMs: 1500 }),
  'rejected there': settles('found-rejected', 1990, 5000, 'declined'),
  'absent, asked while a call may run, no repeat': waits('in-doubt'),
  'absent, not believed': waits('in-doubt', { isRepeatDue: true, inDoubtUntilMs: USED.callMayRunUntilMs }),
};

/** Every event that can occur in a phase. All others are bugs. */
const TABLE: Record<string, { readonly from: DeliveryState; readonly to: Record<string, Expected> }> = {
  queued: {
    from: { ...USED, phase: 'queued' },
    to: {
      routed: [
        { phase: 'claiming', holdsSlot: true, processor: 1, why: 'probe', requestedAtMs: 6000 },
        ACQUIRE,
      ],
      dropped: [DONE, REMOVE],
    },
  },
  claiming: {
    from: { ...USED, phase: 'claiming', holdsSlot: true, isClaimed: false },
    to: {
      claimed: [{ phase: 'calling', isClaimed: true, ...CALL }, RELEASE_JOURNAL, SEND],
      'claimed, and the lease has run out': [
        { phase: 'in-doubt', isClaimed: true, holdsSlot: false, setbacks: 3 },
        RELEASE,
        RELEASE_JOURNAL,
        TIMER,
      ],
      known: CLAIM_DENIED,
      conflict: CLAIM_DENIED,
      purged: CLAIM_DENIED,
      fenced: BACK_IN_QUEUE,
      'claim lost': BACK_IN_QUEUE,
      dropped: [DONE, REMOVE],
    },
  },
  calling: {
    from: { ...USED, phase: 'calling', holdsSlot: true },
    to: {
      committed: settles('charged', 1990, 5000),
      duplicate: [{ phase: 'asking', inDoubtUntilMs: 900, mayRepeat: false, ...REFUSED_ONCE }, LOOK_UP],
      refused: waits('backing-off', ended('refused')),
      unfit: waits('backing-off', ended('unfit')),
      pending: waits('in-doubt', { inDoubtUntilMs: 900 }),
      'duplicate, look-ups unwanted': waits('in-doubt', { inDoubtUntilMs: 900, ...REFUSED_ONCE }),
      'failed, look-ups unwanted': waits('in-doubt'),
      exhausted: waits('backing-off', ended('exhausted')),
      failed: [{ phase: 'asking' }, LOOK_UP],
      unknown: waits('in-doubt', { inDoubtUntilMs: 900 }),
      rejected: settles('rejected', 1990, 5000, '400 amount'),
      dropped: [DONE, REMOVE],
    },
  },
  'calling, while an earlier call may have committed it': {
    from: { ...USED, phase: 'calling', holdsSlot: true, inDoubtUntilMs: IN_DOUBT_UNTIL },
    to: {
      committed: settles('charged', 1990, 5000),
      duplicate: [{ phase: 'asking', inDoubtUntilMs: 900, mayRepeat: false, ...REFUSED_ONCE }, LOOK_UP],
      refused: waits('in-doubt'),
      unfit: waits('in-doubt'),
      pending: waits('in-doubt', { inDoubtUntilMs: 900 }),
      'duplicate, look-ups unwanted': waits('in-doubt', { inDoubtUntilMs: 900, ...REFUSED_ONCE }),
      'failed, look-ups unwanted': waits('in-doubt'),
      exhausted: waits('in-doubt'),
      failed: waits('in-doubt'),
      unknown: waits('in-doubt', { inDoubtUntilMs: 900 }),
      rejected: waits('in-doubt'),
      dropped: [DONE, REMOVE],
    },
  },
  'backing-off': {
    from: { ...USED, phase: 'backing-off' },
    to: {
      'timer, may ask': [{ phase: 'queued' }, REQUEUE],
      'timer, may not ask': [{ phase: 'queued' }, REQUEUE],
      'timer, may repeat': [{ phase: 'queued' }, REQUEUE],
      dropped: [DONE, REMOVE],
    },
  },
  'in-doubt': {
    from: { ...USED, phase: 'in-doubt', inDoubtUntilMs: IN_DOUBT_UNTIL },
    to: {
      'timer, may ask': [{ phase: 'asking', holdsSlot: true }, ACQUIRE, LOOK_UP],
      'timer, may not ask': [{ setbacks: USED.setbacks + 1 }, TIMER],
      'timer, may repeat': [{ phase: 'calling', holdsSlot: true, ...CALL }, ACQUIRE, SEND],
      dropped: [DONE, REMOVE],
    },
  },
  'in-doubt, after a look-up that was not believed': {
    from: { ...USED, phase: 'in-doubt', inDoubtUntilMs: IN_DOUBT_UNTIL, isRepeatDue: true },
    to: {
      'timer, may ask': [{ phase: 'asking', holdsSlot: true, isRepeatDue: false }, ACQUIRE, LOOK_UP],
      'timer, may not ask': [{ setbacks: USED.setbacks + 1 }, TIMER],
      'timer, may repeat': [
        { phase: 'calling', holdsSlot: true, isRepeatDue: false, ...CALL },
        ACQUIRE,
        SEND,
      ],
      dropped: [DONE, REMOVE],
    },
  },
  asking: {
    from: { ...USED, phase: 'asking', holdsSlot: true, inDoubtUntilMs: IN_DOUBT_UNTIL },
    to: {
      ...LOOKED_UP,
      'absent, asked while a call may run': [{ phase: 'calling', ...CALL }, SEND],
      'absent, asked when no call can run': waits('backing-off', { inDoubtUntilMs: 0, ...ended('not-held') }),
      dropped: [DONE, REMOVE],
    },
  },
  'asking, right after a duplicate': {
    from: { ...USED, phase: 'asking', holdsSlot: true, inDoubtUntilMs: IN_DOUBT_UNTIL, mayRepeat: false },
    to: {
      ...LOOKED_UP,
      'absent, asked while a call may run': waits('in-doubt'),
      'absent, asked when no call can run': waits('backing-off', { inDoubtUntilMs: 0, ...ended('not-held') }),
      dropped: [DONE, REMOVE],
    },
  },
  'in-doubt, called a duplicate three times': {
    from: { ...USED, phase: 'in-doubt', inDoubtUntilMs: IN_DOUBT_UNTIL, ...REFUSED_OFTEN },
    to: {
      'timer, may ask': [{ phase: 'asking', holdsSlot: true, mayRepeat: false }, ACQUIRE, LOOK_UP],
      'timer, may not ask': [{ setbacks: USED.setbacks + 1 }, TIMER],
      'timer, may repeat': [{ phase: 'calling', holdsSlot: true, ...CALL }, ACQUIRE, SEND],
      dropped: [DONE, REMOVE],
    },
  },
  'asking, called a duplicate three times': {
    from: {
      ...USED,
      phase: 'asking',
      holdsSlot: true,
      inDoubtUntilMs: IN_DOUBT_UNTIL,
      mayRepeat: false,
      ...REFUSED_OFTEN,
    },
    to: {
      ...LOOKED_UP,
      'absent, asked while a call may run': waits('in-doubt'),
      'absent, asked when no call can run': settles(
        'never-held',
        1990,
        5000,
        'called a duplicate 3 times, but not held: HTTP 422',
      ),
      dropped: [DONE, REMOVE],
    },
  },
  settling: {
    from: { ...USED, phase: 'settling' },
    to: { settled: [DONE, REMOVE], dropped: [DONE, REMOVE] },
  },
  done: {
    from: { ...USED, phase: 'done' },
    to: {
      'timer, may ask': NOTHING,
      'timer, may not ask': NOTHING,
      'timer, may repeat': NOTHING,
      settled: NOTHING,
      dropped: NOTHING,
      ...Object.fromEntries(outstanding().map((name) => [name, NOTHING])),
    },
  },
  'done, while a reply is outstanding': {
    from: { ...USED, phase: 'done', holdsSlot: true },
    to: {
      'timer, may ask': NOTHING,
      'timer, may not ask': NOTHING,
      'timer, may repeat': NOTHING,
      settled: NOTHING,
      dropped: NOTHING,
      ...Object.fromEntries(outstanding().map((name) => [name, SLOT_BACK])),
    },
  },
};

/** The events that are replies of the ledger or the processor. */
function outstanding(): string[] {
  const kinds = ['claim-replied', 'claim-lost', 'answered', 'looked-up'];
  return Object.keys(EVENTS).filter((name) => kinds.includes(EVENTS[name]?.kind ?? ''));
}

for (const [name, { from, to }] of Object.entries(TABLE)) {
  for (const [eventName, event] of Object.entries(EVENTS)) {
    const expected = to[eventName];
    if (expected === undefined) {
      test(`${name}: ${eventName} has no place`, () => {
        assert.throws(() => next(from, event, PAYMENT));
      });
      continue;
    }
    const [changes, ...effects] = expected;
    test(`${name}: ${eventName}`, () => {
      const transition = next(from, event, PAYMENT);
      assert.equal(transition.state, { ...from, ...changes });
      assert.equal(transition.effects, effects);
    });
  }
}

test('every phase and every event is in the table', () => {
  const phases = new Set(Object.values(TABLE).map(({ from }) => from.phase));
  assert.is(phases.size, 8);
  const named = new Set(Object.values(TABLE).flatMap(({ to }) => Object.keys(to)));
  assert.equal([...named].sort(), Object.keys(EVENTS).sort());
});

test('another processor starts without the duplicates of the one before', () => {
  const queued: DeliveryState = { ...USED, phase: 'queued', duplicates: 2 };
  const same = next(queued, { kind: 'routed', processor: 1, why: 'probe', requestedAtMs: 6000 }, PAYMENT);
  assert.is(same.state.duplicates, 2);
  const other = next(queued, { kind: 'routed', processor: 0, why: 'probe', requestedAtMs: 6000 }, PAYMENT);
  assert.is(other.state.duplicates, 0);
});

test('what a look-up does not tell is taken from the payment', () => {
  const asking: DeliveryState = { ...USED, phase: 'asking', holdsSlot: true };
  const found: LookUpOutcome = { kind: 'held', amountCents: null, requestedAtMs: null };
  const event: DeliveryEvent = {
    kind: 'looked-up',
    found,
    isBelieved: true,
    askedAtMs: 1,
    pendingUntilMs: 1500,
    repeat: null,
  };
  assert.equal(next(asking, event, PAYMENT).effects, [RELEASE, settleOf('found-charged', 1990, 5000)]);
});

test('a payment is in doubt when only its processor knows the outcome', () => {
  const inDoubt = Object.values(TABLE).filter(({ from }) => isInDoubt(from));
  assert.equal([...new Set(inDoubt.map(({ from }) => from.phase))].sort(), ['asking', 'in-doubt']);
});

test('a payment dispatched by another owner is looked up first, and stays in doubt until its call must have ended', () => {
  const { state, effects } = takenOver(1, 5000, 900);
  assert.equal(state, {
    ...QUEUED,
    phase: 'in-doubt',
    isClaimed: true,
    processor: 1,
    requestedAtMs: 5000,
    callMayRunUntilMs: 900,
    inDoubtUntilMs: 900,
    setbacks: 1,
  });
  assert.equal(effects, [TIMER]);
});

test('a delivery keeps its state, and is identified by id and amount', () => {
  const delivery = new Delivery(PAYMENT, 7, null, 0, 0);
  assert.is(delivery.state, QUEUED);
  assert.is(delivery.key, keyOf(PAYMENT));
  assert.is.not(delivery.key, keyOf({ ...PAYMENT, amountCents: 1991 }));
  const effects = delivery.move(delivery.next({ kind: 'dropped' }));
  assert.equal(effects, [REMOVE]);
  assert.ok(delivery.isDone);
});

test('a delivery releases each record of its payment once', () => {
  const released: number[] = [];
  const delivery = new Delivery(PAYMENT, 7, null, 0, 0);
  for (const journalRef of [9, 7, 8, 9]) delivery.keepRecord(journalRef);
  delivery.releaseRecords((journalRef) => released.push(journalRef));
  assert.equal(released, [7, 9, 8]);
});

test.run();
