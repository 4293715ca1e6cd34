import { byId, element, write } from './element.js';
import { confirmAction } from './payment-action.js';
import { findPayment } from './payment-api.js';
import { count, decimal, inCurrency, moment, NONE } from './text.js';

/** @import { Action, Outcome } from './payment-action.js' */
/** @import { Payment } from './payment-api.js' */

const TONES = { accepted: 'quiet', held: 'warn', dispatched: 'warn', settled: 'good', rejected: 'bad' };

/** @type {Readonly<Record<Action, string>>} */
const OFFERS = {
  'send-again': 'Send again …',
  cancel: 'Cancel the payment …',
  hold: 'Hold the payment …',
  release: 'Release the payment …',
};

/** Why a processor was chosen. @type {Readonly<Record<string, string>>} */
const WHY = {
  'cheapest-well': 'Chosen as the cheapest that was well and fast enough.',
  'after-failover-delay': 'Chosen because the payment had waited long enough for a cheaper one that failed.',
  'least-slow': 'Chosen because all were slow, and no other was faster.',
  probe: 'Chosen to find out, with one payment, whether it had recovered.',
  unknown: 'The books do not say why it was chosen.',
};

/** What came of an attempt. @type {Readonly<Record<string, string>>} */
const OUTCOMES = {
  charged: 'It answered that it charged the payment.',
  'found-charged': 'It was asked later, and held the payment.',
  rejected: 'It answered that it will never take it.',
  'found-rejected': 'It was asked later, and had rejected it.',
  'never-held':
    'It called the payment a duplicate again and again, and never held it: it may be charged there.',
  refused: 'It did not take it this time; nothing was charged.',
  unfit: 'It refused every request; nothing was charged.',
  exhausted: 'This machine lacked what a call needs; nothing was sent.',
  'not-held': 'It was asked later, when no call could be running any more, and did not hold it.',
  'not-sent': 'The answer of the ledger was lost, so nothing was sent.',
  unknown: 'There is no outcome yet.',
};

/** Shows the story of a payment, and offers what can be done to it. `done` gets what was done. @param {string} id @param {(outcome: Outcome) => void} done */
export async function openStory(id, done) {
  const dialog = byId('story', HTMLDialogElement);
  const body = byId('story-body');
  write(byId('story-title'), 'Payment');
  body.replaceChildren(element('p', 'about', 'Loading …'));
  if (!dialog.open) dialog.showModal();
  const answer = await findPayment(id.trim());
  if (answer.kind === 'failed') {
    body.replaceChildren(element('p', 'failed', answer.why));
    return;
  }
  const payment = answer.value;
  write(byId('story-title'), payment.correlationId);
  body.replaceChildren(facts(payment), ...attempts(payment), ...offers(payment, dialog, done));
}

/** @param {Payment} payment */
function facts(payment) {
  const { amount, conflictingAmount, acceptedAt, processor, attempts: tries, reason } = payment;
  /** @type {[string, Node | string][]} */
  const rows = [
    ['Status', badgeOf(payment)],
    [inCurrency('Amount'), amount === undefined ? NONE : decimal(amount)],
    ['Accepted', moment(acceptedAt)],
    ['Processor', processor ?? NONE],
    ['Tries', count(tries)],
  ];
  if (conflictingAmount !== undefined)
    rows.push(['Posted with another amount', `${decimal(conflictingAmount)}, which was never sent`]);
  if (reason !== undefined) rows.push(['Reason', reason]);
  return element(
    'dl',
    'facts',
    ...rows.map(([name, value]) => element('div', '', element('dt', '', name), element('dd', '', value))),
  );
}

/** @param {Payment} payment */
function attempts({ attempts: tries, history = [] }) {
  const title = element('h3', '', 'What happened');
  if (history.length === 0) return [title, element('p', 'about', 'It has not been sent to any processor.')];
  const left = tries - history.length;
  const items = history.map(({ processor, requestedAt, why, outcome }) =>
    element(
      'li',
      '',
      element('b', '', processor),
      element('time', '', moment(requestedAt)),
      element('p', '', WHY[why] ?? why),
      element('p', '', OUTCOMES[outcome] ?? outcome),
    ),
  );
  const note = left > 0 ? [element('p', 'about', `${count(left)} earlier tries are not kept.`)] : [];
  return [title, ...note, element('ol', 'attempts', ...items)];
}

/** @param {Payment} payment @param {HTMLDialogElement} dialog @param {(outcome: Outcome) => void} done */
function offers(payment, dialog, done) {
  const buttons = actionsFor(payment).map((what) => {
    const button = element('button', '', OFFERS[what]);
    button.type = 'button';
    button.ariaHasPopup = 'dialog';
    button.onclick = () =>
      confirmAction(what, [payment], (outcome) => {
        dialog.close();
        done(outcome);
      });
    return button;
  });
  return buttons.length === 0 ? [] : [element('div', 'answers', ...buttons)];
}

/** @param {Payment} payment @returns {readonly Action[]} */
function actionsFor({ status, processor, amount }) {
  switch (status) {
    case 'accepted':
      return ['hold', 'cancel'];
    case 'held':
      return amount === undefined ? ['release'] : ['release', 'cancel'];
    case 'rejected':
      return processor === null ? [] : ['send-again'];
    case 'dispatched':
    case 'settled':
      return [];
  }
}

/** @param {Payment} payment */
export function badgeOf({ status, processor }) {
  const isCancelled = status === 'rejected' && processor === null;
  const badge = element('span', 'badge', isCancelled ? 'cancelled' : status);
  badge.dataset['tone'] = isCancelled ? 'quiet' : TONES[status];
  return badge;
}
