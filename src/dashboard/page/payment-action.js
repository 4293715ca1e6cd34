import { confirmWithReason } from './confirm-dialog.js';
import { act } from './payment-api.js';
import { count } from './text.js';

/** @import { Payment } from './payment-api.js' */
/** @typedef {'send-again' | 'cancel'} Action */
/** @typedef {{ readonly text: string, readonly isWhole: boolean }} Outcome whether all of it was done */

/** The most payments of one request (openapi.yaml). */
const BATCH_MAX = 100;

const EFFECTS = {
  'send-again':
    'They are sent once more under their own ids, like new payments. One that its processor may hold is refused.',
  cancel: 'It is rejected for good and never sent. Clients that post it again are told why. This is final.',
};

const DONE = ['reopened', 'cancelled', 'cancelled-before'];

/** What becomes of payments, for one and for several. @type {Readonly<Record<string, readonly [one: string, more: string]>>} */
const RESULTS = {
  reopened: ['will be sent again', 'will be sent again'],
  final: ['was cancelled, which is final', 'were cancelled, which is final'],
  cancelled: ['is cancelled', 'are cancelled'],
  'cancelled-before': ['was cancelled before', 'were cancelled before'],
  unknown: ['is not in the books', 'are not in the books'],
  'not-rejected': ['is open, or settled', 'are open, or settled'],
  changed: ['was sent again meanwhile, and rejected again', 'were sent again meanwhile, and rejected again'],
  'perhaps-charged': [
    'may be charged: its processor has to be asked',
    'may be charged: their processors have to be asked',
  ],
  'other-amount': ['has another amount', 'have another amount'],
  dispatched: ['has been sent, and may be charged', 'have been sent, and may be charged'],
  finished: ['is settled, or was rejected by its processor', 'are settled, or were rejected'],
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
  const doing = what === 'cancel' ? `Cancel ${some}` : `Send ${some} again`;
  confirmWithReason({
    title: `${doing}?`,
    effect: EFFECTS[what],
    button: doing,
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
  const orders = payments.map(({ correlationId, amount, attempts }) =>
    what === 'cancel' ? { correlationId, amount } : { correlationId, attempts },
  );
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

/** @param {ReadonlyMap<string, number>} counts */
function sentence(counts) {
  const parts = [...counts].map(([result, number]) => {
    const [one, more] = RESULTS[result] ?? [result, result];
    return `${number === 1 ? '1 payment' : `${count(number)} payments`} ${number === 1 ? one : more}`;
  });
  return `${parts.join('; ')}.`;
}
