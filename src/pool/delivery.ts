import assert from 'node:assert';
import type { AttemptOutcome, AttemptReason } from '../core/attempt.ts';
import type { Payment } from '../core/payment.ts';
import type { ClaimReply, EndedAttempt, Settlement } from '../ledger/ledger.ts';
import type { LookUpOutcome, PayOutcome } from '../processor/processor.ts';

/**
 * The life of one payment in a pool thread: a state machine without timers and without I/O. The dispatcher feeds it
 * events and carries out the effects that it asks for.
 *
 * | phase       | waits for                                          | event             | next phase                   |
 * |-------------|----------------------------------------------------|-------------------|------------------------------|
 * | queued      | a processor that can take it                       | routed            | claiming                     |
 * | claiming    | the ledger's reply to its claim                    | claim-replied     | calling, in-doubt, queued, done |
 * |             |                                                    | claim-lost        | queued                       |
 * | calling     | the processor's answer to the payment request      | answered          | settling, asking, in-doubt, backing-off |
 * | backing-off | its timer; nothing was committed                   | timer             | queued                       |
 * | in-doubt    | its timer; it may have been committed, so only     | timer             | asking, calling, in-doubt    |
 * |             | this processor may get it, with the same stamp     |                   |                              |
 * | asking      | the processor's answer to the look-up              | looked-up         | settling, in-doubt, backing-off, calling |
 * | settling    | the ledger's reply to its settlement               | settled           | done                         |
 * | done        | nothing                                            |                   |                              |
 *
 * `dropped` (purged, or claimed by another owner) leads from every phase to `done`. A reply that comes after that
 * only gives back the call slot.
 *
 * A payment holds a call slot from its claim until the calls that follow have ended: in `claiming`, `calling` and
 * `asking`, and in `done` until a reply that is still outstanding has come.
 */
export type Phase =
  | 'queued'
  | 'claiming'
  | 'calling'
  | 'backing-off'
  | 'in-doubt'
  | 'asking'
  | 'settling'
  | 'done';

export interface DeliveryState {
  readonly phase: Phase;
  readonly holdsSlot: boolean;
  /** The ledger has granted this owner a claim. */
  readonly isClaimed: boolean;
  /** Position of the processor of the latest claim; meaningless before the first. */
  readonly processor: number;
  /** The stamp of the latest claim, UTC; 0 before the first. */
  readonly requestedAtMs: number;
  /** Why the processor of the latest claim was chosen. */
  readonly why: AttemptReason;
  /** The last attempt that has ended. Whatever the ledger knows beyond that was a claim whose reply was lost. */
  readonly ended: EndedAttempt;
  /** When the latest call began, on the monotonic clock; 0 before the first. */
  readonly calledAtMs: number;
  /** Until when the latest call may still be running at the processor, on the monotonic clock. */
  readonly callMayRunUntilMs: number;
  /**
   * Until when a call with an unknown outcome may still be running, on the monotonic clock; 0: there is no such call.
   * Only a look-up that is asked later and finds nothing ends the doubt. Time alone does not.
   */
  readonly inDoubtUntilMs: number;
  /** Failed calls and unanswered look-ups in a row: the backoff grows with them. */
  readonly setbacks: number;
  /**
   * How often this processor has called the payment a duplicate. One that keeps doing so and does not hold the payment
   * never takes it, whatever the contract calls its answer.
   */
  readonly duplicates: number;
  /** What it said the last time. */
  readonly duplicateReason: string;
  /** Whether a look-up that finds nothing may be followed by another call at once. */
  readonly mayRepeat: boolean;
  /** The latest look-up found nothing, and was not believed: only another call tells more. */
  readonly isRepeatDue: boolean;
}

/** When a call begins and until when it may run at the processor, both on the monotonic clock. */
export interface CallTimes {
  readonly calledAtMs: number;
  readonly callMayRunUntilMs: number;
}

export type DeliveryEvent =
  | {
      readonly kind: 'routed';
      readonly processor: number;
      readonly why: AttemptReason;
      readonly requestedAtMs: number;
    }
  /** `call` is null when the lease has expired meanwhile: then nothing may be sent. */
  | { readonly kind: 'claim-replied'; readonly reply: ClaimReply; readonly call: CallTimes | null }
  /** The ledger did not answer. Repeating the claim is harmless. */
  | { readonly kind: 'claim-lost' }
  /** `mayAsk`: the processor wants to be asked at once, if its answer calls for a look-up. */
  | { readonly kind: 'answered'; readonly answer: PayOutcome; readonly mayAsk: boolean }
  /** `repeat` is the call that may follow at once if the processor holds nothing; null if no call may. */
  | {
      readonly kind: 'looked-up';
      readonly found: LookUpOutcome;
      /** False: the processor may say of any payment that it holds nothing. */
      readonly isBelieved: boolean;
      readonly askedAtMs: number;
      /** Until when a payment that is still pending stays in doubt even if a later look-up does not find it. */
      readonly pendingUntilMs: number;
      readonly repeat: CallTimes | null;
    }
  /**
   * `mayAsk`: a call slot is free, and the processor wants to be asked. `repeat` is the call to make instead of a look-up,
   * where `isRepeatDue`; null if none may be made.
   */
  | { readonly kind: 'timer'; readonly mayAsk: boolean; readonly repeat: CallTimes | null }
  | { readonly kind: 'settled' }
  | { readonly kind: 'dropped' };

export type SettlementOutcome = Required<
  Pick<Settlement, 'status' | 'amountCents' | 'requestedAtMs' | 'reason' | 'outcome'>
>;

export type Effect =
  | { readonly kind: 'acquire-slot' }
  | { readonly kind: 'release-slot' }
  /** Send the payment to its processor; answer with `answered`. */
  | { readonly kind: 'call' }
  /** Ask the processor what it holds; answer with `looked-up`. */
  | { readonly kind: 'look-up' }
  /** Put the payment back at the front of the queue. */
  | { readonly kind: 'requeue' }
  /** Send `timer` after a backoff that grows with `setbacks`. */
  | { readonly kind: 'start-timer' }
  /** Write the outcome into the ledger; answer with `settled`. */
  | { readonly kind: 'settle'; readonly outcome: SettlementOutcome }
  /** The ledger has the payment now, or it will never be sent: the journal may forget it. */
  | { readonly kind: 'release-journal' }
  /** The thread is done with the payment. */
  | { readonly kind: 'remove' };

export interface Transition {
  readonly state: DeliveryState;
  readonly effects: readonly Effect[];
}

/** After this many, it is not a race of two calls any more. */
const DUPLICATES_MAX = 3;

const NO_EFFECTS: readonly Effect[] = [];
const ACQUIRE_SLOT: Effect = { kind: 'acquire-slot' };
const RELEASE_SLOT: Effect = { kind: 'release-slot' };
const CALL: Effect = { kind: 'call' };
const LOOK_UP: readonly Effect[] = [{ kind: 'look-up' }];
const REQUEUE: readonly Effect[] = [{ kind: 'requeue' }];
const START_TIMER: readonly Effect[] = [{ kind: 'start-timer' }];
const RELEASE_JOURNAL: Effect = { kind: 'release-journal' };
const REMOVE: Effect = { kind: 'remove' };

/**
 * The next state, and the effects that the dispatcher must carry out, in this order. Throws an `AssertionError` when the
 * event cannot occur in the phase.
 */
export function next(state: DeliveryState, event: DeliveryEvent, payment: Payment): Transition {
  const transition = step(state, event, payment);
  if (transition.state.holdsSlot === state.holdsSlot) return transition;
  const slotEffect = transition.state.holdsSlot ? ACQUIRE_SLOT : RELEASE_SLOT;
  return { state: transition.state, effects: [slotEffect, ...transition.effects] };
}

function step(state: DeliveryState, event: DeliveryEvent, payment: Payment): Transition {
  if (state.phase === 'done') return afterDone(state, event);
  if (event.kind === 'dropped') return to(state, { phase: 'done' }, [REMOVE]);
  switch (state.phase) {
    case 'queued':
      return routed(state, expected(event, 'routed'));
    case 'claiming':
      return event.kind === 'claim-lost'
        ? requeued(state)
        : claimReplied(state, expected(event, 'claim-replied'));
    case 'calling':
      return answered(state, expected(event, 'answered'), payment);
    case 'backing-off':
      expected(event, 'timer');
      return to(state, { phase: 'queued' }, REQUEUE);
    case 'in-doubt':
      return timerOver(state, expected(event, 'timer'));
    case 'asking':
      return lookedUp(state, expected(event, 'looked-up'), payment);
    case 'settling':
      expected(event, 'settled');
      return to(state, { phase: 'done' }, [REMOVE]);
  }
}

/** The state of a payment for which nothing has been sent yet. */
export const QUEUED: DeliveryState = {
  phase: 'queued',
  holdsSlot: false,
  isClaimed: false,
  processor: 0,
  requestedAtMs: 0,
  why: 'unknown',
  ended: { requestedAtMs: 0, outcome: 'not-sent' },
  calledAtMs: 0,
  callMayRunUntilMs: 0,
  inDoubtUntilMs: 0,
  setbacks: 0,
  duplicates: 0,
  duplicateReason: '',
  mayRepeat: true,
  isRepeatDue: false,
};

/**
 * The state of a payment that another owner had dispatched: it may have been committed. By `callMayRunUntilMs`, on the
 * monotonic clock, its last call must have ended.
 */
export function takenOver(processor: number, requestedAtMs: number, callMayRunUntilMs: number): Transition {
  return inDoubt({
    ...QUEUED,
    isClaimed: true,
    processor,
    requestedAtMs,
    callMayRunUntilMs,
    inDoubtUntilMs: callMayRunUntilMs,
  });
}

/** Only its processor knows whether the payment was committed, and has been asked or will be. */
export function isInDoubt({ phase }: DeliveryState): boolean {
  return phase === 'in-doubt' || phase === 'asking';
}

/** Whether a request to the processor is sent between these phases, or the payment is claimed for one. */
export function beginsRequest(from: Phase, to: Phase): boolean {
  if (from === to) return false;
  return to === 'claiming' || to === 'asking' || (to === 'calling' && from !== 'claiming');
}

function routed(
  state: DeliveryState,
  { processor, why, requestedAtMs }: Extract<DeliveryEvent, { kind: 'routed' }>,
): Transition {
  const duplicates = processor === state.processor ? state.duplicates : 0;
  const changes = { phase: 'claiming', holdsSlot: true, processor, why, requestedAtMs, duplicates } as const;
  return to(state, changes, NO_EFFECTS);
}

function claimReplied(
  state: DeliveryState,
  { reply, call }: Extract<DeliveryEvent, { kind: 'claim-replied' }>,
): Transition {
  if (reply === 'fenced') return requeued(state);
  if (reply !== 'claimed') return to(state, { phase: 'done', holdsSlot: false }, [RELEASE_JOURNAL, REMOVE]);
  const claimed = { ...state, isClaimed: true };
  if (call !== null) return to(claimed, { phase: 'calling', ...call }, [RELEASE_JOURNAL, CALL]);
  // Nothing was sent, but according to the ledger it may have been, so the owner of the claim must ask first.
  const transition = inDoubt(claimed);
  return { ...transition, effects: [RELEASE_JOURNAL, ...transition.effects] };
}

function answered(
  before: DeliveryState,
  { answer, mayAsk }: Extract<DeliveryEvent, { kind: 'answered' }>,
  payment: Payment,
): Transition {
  const isOutcomeOpen = answer.kind === 'unknown' || answer.kind === 'duplicate' || answer.kind === 'pending';
  const state = isOutcomeOpen ? { ...before, inDoubtUntilMs: before.callMayRunUntilMs } : before;
  const mayBeCommittedEarlier = state.inDoubtUntilMs > 0;
  switch (answer.kind) {
    case 'committed':
      return settling(state, 'charged', payment.amountCents, state.requestedAtMs);
    case 'duplicate': {
      const duplicates = state.duplicates + 1;
      const refused = { ...state, duplicates, duplicateReason: answer.reason };
      return mayAsk ? asking(refused, false) : inDoubt(refused);
    }
    case 'failed':
      return mayBeCommittedEarlier || !mayAsk ? inDoubt(state) : asking(state, true);
    case 'unknown':
    case 'pending':
      return inDoubt(state);
    case 'rejected':
      return mayBeCommittedEarlier
        ? inDoubt(state)
        : settling(state, 'rejected', payment.amountCents, state.requestedAtMs, answer.reason);
    case 'refused':
    case 'unfit':
    case 'exhausted':
      return mayBeCommittedEarlier ? inDoubt(state) : backingOff(state, answer.kind);
  }
}

function timerOver(
  state: DeliveryState,
  { mayAsk, repeat }: Extract<DeliveryEvent, { kind: 'timer' }>,
): Transition {
  if (repeat !== null) return repeated({ ...state, holdsSlot: true }, repeat);
  return mayAsk ? asking({ ...state, holdsSlot: true }, state.duplicates < DUPLICATES_MAX) : inDoubt(state);
}

function lookedUp(
  state: DeliveryState,
  { found, isBelieved, askedAtMs, pendingUntilMs, repeat }: Extract<DeliveryEvent, { kind: 'looked-up' }>,
  payment: Payment,
): Transition {
  switch (found.kind) {
    case 'held': {
      const { amountCents, requestedAtMs } = found;
      return settling(
        state,
        'found-charged',
        amountCents ?? payment.amountCents,
        requestedAtMs ?? state.requestedAtMs,
      );
    }
    case 'rejected':
      return settling(state, 'found-rejected', payment.amountCents, state.requestedAtMs, found.reason);
    case 'unknown':
      return inDoubt(state);
    case 'pending':
      return inDoubt({ ...state, inDoubtUntilMs: Math.max(state.inDoubtUntilMs, pendingUntilMs) });
    case 'absent':
      return isBelieved ? absent(state, askedAtMs, repeat, payment) : notBelieved(state);
  }
}

/**
 * The latest call may have been carried out, whatever its answer promised. Only another call to this processor tells more,
 * after the backoff, however often it calls the payment a duplicate.
 */
function notBelieved(state: DeliveryState): Transition {
  const inDoubtUntilMs = Math.max(state.inDoubtUntilMs, state.callMayRunUntilMs);
  return inDoubt({ ...state, inDoubtUntilMs, isRepeatDue: true });
}

function absent(
  state: DeliveryState,
  askedAtMs: number,
  repeat: CallTimes | null,
  payment: Payment,
): Transition {
  // A call may still be running there, so no other processor may get the payment.
  if (askedAtMs < state.inDoubtUntilMs) {
    return repeated(state, state.mayRepeat ? repeat : null);
  }
  if (state.duplicates < DUPLICATES_MAX) return backingOff({ ...state, inDoubtUntilMs: 0 }, 'not-held');
  const reason = `called a duplicate ${state.duplicates} times, but not held: ${state.duplicateReason}`;
  return settling(state, 'never-held', payment.amountCents, state.requestedAtMs, reason);
}

/** The payment stays with its processor, and is sent there again if it may. */
function repeated(state: DeliveryState, repeat: CallTimes | null): Transition {
  return repeat === null
    ? inDoubt(state)
    : to(state, { phase: 'calling', ...repeat, isRepeatDue: false }, [CALL]);
}

/** Handles the timer and the replies that were outstanding when the payment was dropped. */
function afterDone(state: DeliveryState, event: DeliveryEvent): Transition {
  switch (event.kind) {
    case 'claim-replied':
    case 'claim-lost':
    case 'answered':
    case 'looked-up':
      return to(state, { holdsSlot: false }, NO_EFFECTS);
    case 'timer':
    case 'settled':
    case 'dropped':
      return { state, effects: NO_EFFECTS };
    case 'routed':
      throw new Error('cannot route a payment that is done');
  }
}

function requeued(state: DeliveryState): Transition {
  return to(state, { phase: 'queued', holdsSlot: false }, REQUEUE);
}

function asking(state: DeliveryState, mayRepeat: boolean): Transition {
  return to(state, { phase: 'asking', mayRepeat, isRepeatDue: false }, LOOK_UP);
}

function backingOff(state: DeliveryState, outcome: AttemptOutcome): Transition {
  const { requestedAtMs } = state;
  return withTimer({ ...state, ended: { requestedAtMs, outcome } }, 'backing-off');
}

function inDoubt(state: DeliveryState): Transition {
  return withTimer(state, 'in-doubt');
}

function withTimer(state: DeliveryState, phase: Phase): Transition {
  const setbacks = state.setbacks + 1;
  return to(state, { phase, holdsSlot: false, setbacks }, START_TIMER);
}

function settling(
  state: DeliveryState,
  how: 'charged' | 'found-charged' | 'rejected' | 'found-rejected' | 'never-held',
  amountCents: number,
  requestedAtMs: number,
  reason = '',
): Transition {
  const status = how === 'charged' || how === 'found-charged' ? 'settled' : 'rejected';
  const outcome = { status, amountCents, requestedAtMs, reason, outcome: how } as const;
  return to(state, { phase: 'settling', holdsSlot: false }, [{ kind: 'settle', outcome }]);
}

function to(state: DeliveryState, changes: Partial<DeliveryState>, effects: readonly Effect[]): Transition {
  return { state: { ...state, ...changes }, effects };
}

function expected<K extends DeliveryEvent['kind']>(
  event: DeliveryEvent,
  kind: K,
): Extract<DeliveryEvent, { kind: K }> {
  assert.equal(event.kind, kind);
  return event as Extract<DeliveryEvent, { kind: K }>;
}

/** A delivery is identified by id and amount: another amount is another claim, which the ledger refuses. */
export function keyOf({ correlationId, amountCents }: Payment): string {
  return `${correlationId} ${amountCents}`;
}

/** The payment is not in this instance's journal: it was taken over from another owner. */
export const NOT_JOURNALED = -1;

/** A payment that a pool thread is delivering, and its state. */
export class Delivery {
  readonly payment: Payment;
  readonly key: string;
  /** The first record of the payment in the journal, or `NOT_JOURNALED`. */
  readonly #journalRef: number;
  /** Those of repeated posts that came before the claim; null: none, as nearly always. */
  #repeatedRefs: Set<number> | null = null;
  /** The trace context of its calls, or null. The ledger does not store it. */
  trace: Buffer | null;
  /** When the payment was accepted, on the monotonic clock. */
  readonly acceptedAtMonotonicMs: number;
  /** The position of the shard of the ledger in which the payment lives. */
  readonly shard: number;
  /** Cancels the timer started last. */
  cancelTimer: () => void = () => {};
  /** How many look-ups came early because of a callback. */
  hastenedCount = 0;
  #state = QUEUED;

  constructor(
    payment: Payment,
    journalRef: number,
    trace: Buffer | null,
    acceptedAtMonotonicMs: number,
    shard: number,
  ) {
    this.payment = payment;
    this.acceptedAtMonotonicMs = acceptedAtMonotonicMs;
    this.shard = shard;
    this.key = keyOf(payment);
    this.#journalRef = journalRef;
    this.trace = trace;
  }

  /**
   * Keeps the record of a repeated post until the claim. The post of any of its records may still be refused and withdrawn,
   * so none of them is the one that counts.
   */
  keepRecord(journalRef: number): void {
    if (journalRef === this.#journalRef) return;
    this.#repeatedRefs ??= new Set();
    this.#repeatedRefs.add(journalRef);
  }

  /** Calls `release` with each of its records in the journal. */
  releaseRecords(release: (journalRef: number) => void): void {
    release(this.#journalRef);
    this.#repeatedRefs?.forEach(release);
    this.#repeatedRefs = null;
  }

  get state(): DeliveryState {
    return this.#state;
  }

  get isDone(): boolean {
    return this.#state.phase === 'done';
  }

  /** The only setter of the state. Returns the effects to carry out. */
  move({ state, effects }: Transition): readonly Effect[] {
    this.#state = state;
    return effects;
  }

  next(event: DeliveryEvent): Transition {
    return next(this.#state, event, this.payment);
  }
}
