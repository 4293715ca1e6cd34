import { byId, element, fitTables, table, write } from './element.js';
import { showFailure } from './operator-api.js';
import { confirmAction } from './payment-action.js';
import { findPayments } from './payment-api.js';
import { count, decimal, inCurrency, NONE } from './text.js';

/** @import { Outcome } from './payment-action.js' */
/** @import { Payment } from './payment-api.js' */

/** How many pages of 500 are read: a longer list would keep the gateway busy, and people read its beginning. */
const PAGES_MAX = 4;
const PAGE_LIMIT = 500;
const GROUPS_SHOWN = 20;

/** Shows rejected payments by processor and reason, each with a button to send them again. @param {(outcome: Outcome) => void} done */
export async function showReasons(done) {
  const [place, note] = [byId('reasons'), byId('reasons-note')];
  /** @type {Payment[]} */
  const rejected = [];
  /** @type {string | null} */
  let after = '';
  for (let page = 0; page < PAGES_MAX && after !== null; page++) {
    const query = new URLSearchParams({ status: 'rejected', limit: String(PAGE_LIMIT) });
    if (after !== '') query.set('after', after);
    const answer = await findPayments(query);
    if (answer.kind === 'failed') {
      place.replaceChildren();
      write(note, '');
      return showFailure(answer.why);
    }
    rejected.push(...answer.value.payments);
    after = answer.value.next;
  }
  const groups = [
    ...Map.groupBy(rejected, ({ processor, reason }) => JSON.stringify([processor, reason])).values(),
  ];
  groups.sort((one, other) => other.length - one.length);
  const first =
    after === null ? '' : ` These are the first ${count(rejected.length)} rejected payments: there are more.`;
  const most = groups.length > GROUPS_SHOWN ? ` The ${GROUPS_SHOWN} most frequent reasons are shown.` : '';
  write(note, `Correct the cause first: what is sent again as it was is rejected again.${first}${most}`);
  if (groups.length === 0) {
    write(note, '');
    place.replaceChildren(element('p', 'empty', 'No payment is rejected.'));
    return;
  }
  const rows = groups.slice(0, GROUPS_SHOWN).map((group) => groupRow(group, done));
  const heads = ['Reason', 'Processor', 'Payments', inCurrency('Amount'), 'Action'];
  place.replaceChildren(
    table('Rejected payments by reason', heads, rows, ['wide', '', 'number', 'number', '']),
  );
  fitTables();
}

/** @param {readonly Payment[]} group @param {(outcome: Outcome) => void} done */
function groupRow(group, done) {
  const [{ reason = '', processor = null } = {}] = group;
  const cents = group.reduce((sum, { amount = 0 }) => sum + Math.round(amount * 100), 0);
  const link = element('a', '', reason === '' ? 'no reason given' : reason);
  link.href = `?${new URLSearchParams({ status: 'rejected', reason })}`;
  return [
    link,
    processor ?? NONE,
    count(group.length),
    decimal(cents / 100),
    action(group, processor, reason, done),
  ];
}

/** @param {readonly Payment[]} group @param {string | null} processor @param {string} reason @param {(outcome: Outcome) => void} done */
function action(group, processor, reason, done) {
  if (processor === null) return 'cancelled: final';
  const button = element('button', '', 'Send again …');
  button.type = 'button';
  button.ariaHasPopup = 'dialog';
  button.ariaLabel = `Send again: ${reason}`;
  button.onclick = () => confirmAction('send-again', group, done);
  return button;
}
