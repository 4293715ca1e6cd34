import { confirmWithReason } from './confirm-dialog.js';
import { act } from './payment-api.js';
import { count } from './text.js';

/** @import { Payment } from './payment-api.js' */
/** @typedef {'send-again' | 'cancel' | 'hold' | 'release'} Action */
/** @typedef {{ readonly text: string, readonly isWhole: boolean }} Outcome whether all of it was done */

/** The most payments of one request (openapi.yaml). */
const BATCH_MAX = 100;

/** @type {Readonly<Record<Action, (some: string) => string>>} */
const DOING = {
  'send-again': (some) => `Send ${some} again`,
  cancel: (some) => `Cancel ${some}`,
  hold: (some) => `Hold ${some}`,
  release: (some) => `Release ${some}`,
};

/** @type {Readonly<Record<Action, string>>} */
const EFFECTS = {
  'send-again':
    'They are sent once more under their own ids, like new payments. One that its processor may hold is refused.',
  cancel: 'It is rejected for good and never sent. Clients that post it again are told why. This is final.',
  hold: 'It is not sent to any processor until it is released or cancelled. Other payments go on.',
  release: 'It is sent like a new payment.',
};

const DONE = ['reopened', 'cancelled', 'cancelled-before', 'held', 'awaited', 'held-before', 'released'];

/** What becomes of payments, for one and for several. @type {Readonly<Record<string, readonly [one: string, more: string]>>} */
const RESULTS = {
  reopened: ['will be sent again', 'will be sent again'],
  final: ['was cancelled, which is final', 'were cancelled, which is final'],
  cancelled: ['is cancelled', 'are cancelled'],
  'cancelled-before': ['was cancelled before', 'were cancelled before'],
  held: ['is held', 'are held'],
  awaited: [
    'is held as soon as an instance has claimed it',
    'are held as soon as an instance has claimed them',
  ],
  'held-before': ['was held before', 'were held before'],
  released: ['is released', 'are released'],
  'not-held': ['is not held', 'are not held'],
  unknown: ['is not in the books', 'are not in the books'],
  'not-rejected': ['is open, or settled', 'are open, or settled'],
  changed: ['was sent again meanwhile, and rejected again', 'were sent again meanwhile, and rejected again'],
  'perhaps-charged': [
    'may be charged: its processor has to be asked',
    'may be charged: their processors have to be asked',
  ],
  'other-amount': ['has another amount', 'have another amount'],
  dispatched: ['has been sent, and may be charged', 'have been sent, and may be charged'],
  finished: ['is settled or rejected', 'are settled or rejected'],
};

/**
 * Asks for a confirmation and a reason, then does it. `done` gets what has come of it.
 *
 * @param {Action} what
 * @param {readonly Payment[]} payments
 * @param {(outcome: Outcome) => void} done
 */
export function confirmAction(what, payments, done) {
  const some = payments.length === 1 ? 'this payment' : `${count(payments.length)} payments`;
  const doing = DOING[what](some);
  confirmWithReason({
    title: `${doing}?`,
    effect: EFFECTS[what],
    button: doing,
    isReasonRequired: true,
    send: async (why, close) => {
      const outcome = await carryOut(what, payments, why);
      if (typeof outcome === 'string') return outcome;
      close();
      done(outcome);
      return '';
    },
  });
}

/** What has come of it, or why it was not done. @param {Action} what @param {readonly Payment[]} payments @param {string} why @returns {Promise<Outcome | string>} */
async function carryOut(what, payments, why) {
  const orders = payments.map((payment) => orderOf(what, payment));
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (let begin = 0; begin < orders.length; begin += BATCH_MAX) {
    const answer = await act(what, orders.slice(begin, begin + BATCH_MAX), why);
    if (answer.kind === 'failed') {
      const before = begin === 0 ? '' : ` Before that: ${sentence(counts)}`;
      return `${answer.why}${before}`;
    }
    for (const { result } of answer.value.results) counts.set(result, (counts.get(result) ?? 0) + 1);
  }
  return { text: sentence(counts), isWhole: [...counts.keys()].every((result) => DONE.includes(result)) };
}

/** @param {Action} what @param {Payment} payment @returns {object} */
function orderOf(what, { correlationId, amount, attempts }) {
  switch (what) {
    case 'send-again':
      return { correlationId, attempts };
    case 'cancel':
      return { correlationId, amount };
    case 'hold':
    case 'release':
      return { correlationId };
  }
}

/** @param {ReadonlyMap<string, number>} counts */
function sentence(counts) {
  const parts = [...counts].map(([result, number]) => {
    const [one, more] = RESULTS[result] ?? [result, result];
    return `${number === 1 ? '1 payment' : `${count(number)} payments`} ${number === 1 ? one : more}`;
  });
  return `${parts.join('; ')}.`;
}
