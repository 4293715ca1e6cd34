import { byId, write } from './element.js';
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
  const dialog = byId('control', HTMLDialogElement);
  const some = payments.length === 1 ? 'this payment' : `${count(payments.length)} payments`;
  const doing = what === 'cancel' ? `Cancel ${some}` : `Send ${some} again`;
  write(byId('control-title'), `${doing}?`);
  write(byId('control-effect'), EFFECTS[what]);
  write(byId('control-refusal'), '');
  write(byId('control-confirm'), doing);
  byId('control-reason', HTMLInputElement).value = '';
  byId('control-form').onsubmit = (event) => {
    event.preventDefault();
    void carryOut(what, payments, dialog, done);
  };
  byId('control-cancel').onclick = () => dialog.close();
  dialog.showModal();
}

/** @param {Action} what @param {readonly Payment[]} payments @param {HTMLDialogElement} dialog @param {(outcome: Outcome) => void} done */
async function carryOut(what, payments, dialog, done) {
  const confirm = byId('control-confirm', HTMLButtonElement);
  const { value: why } = byId('control-reason', HTMLInputElement);
  const orders = payments.map(({ correlationId, amount, attempts }) =>
    what === 'cancel' ? { correlationId, amount } : { correlationId, attempts },
  );
  /** @type {Map<string, number>} */
  const counts = new Map();
  confirm.disabled = true;
  for (let begin = 0; begin < orders.length; begin += BATCH_MAX) {
    const answer = await act(what, orders.slice(begin, begin + BATCH_MAX), why);
    if (answer.kind === 'failed') {
      confirm.disabled = false;
      const before = begin === 0 ? '' : ` Before that: ${sentence(counts)}`;
      return write(byId('control-refusal'), `${answer.why}${before}`);
    }
    for (const { result } of answer.value.results) counts.set(result, (counts.get(result) ?? 0) + 1);
  }
  confirm.disabled = false;
  dialog.close();
  done({ text: sentence(counts), isWhole: [...counts.keys()].every((result) => DONE.includes(result)) });
}

/** @param {ReadonlyMap<string, number>} counts */
function sentence(counts) {
  const parts = [...counts].map(([result, number]) => {
    const [one, more] = RESULTS[result] ?? [result, result];
    return `${number === 1 ? '1 payment' : `${count(number)} payments`} ${number === 1 ? one : more}`;
  });
  return `${parts.join('; ')}.`;
}
