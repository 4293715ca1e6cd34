import { byId, element, fitTables, table, write } from './element.js';
import { term } from './help.js';
import { showFailure } from './operator-api.js';
import { findActions } from './payment-api.js';
import { showReasons } from './payment-reasons.js';
import { Search } from './payment-search.js';
import { openStory } from './payment-story.js';
import { startShell } from './shell.js';
import { count, moment } from './text.js';

/** @import { Outcome } from './payment-action.js' */
/** @import { LoggedAction } from './payment-api.js' */

const ACTIONS_SHOWN = 20;
const WORDS = new Map([
  ['send-again', 'Sent again'],
  ['cancel', 'Cancelled'],
  ['hold', 'Held'],
  ['release', 'Released'],
]);

const WORDS_NOTE = [
  'Open payments are ',
  term('Accepted', 'accepted'),
  ', ',
  term('Held', 'held'),
  ' or ',
  term('Dispatched', 'dispatched'),
  '. The others are ',
  term('Settled', 'settled'),
  ', ',
  term('Rejected', 'rejected'),
  ' or ',
  term('Cancelled', 'cancelled'),
  '.',
];

/** The page of payments: everything is read when it is opened, and again after each action. */
class Payments {
  #search = new Search((id) => void openStory(id, this.#done));

  start() {
    startShell();
    byId('words').replaceChildren(...WORDS_NOTE);
    const form = byId('look-up', HTMLFormElement);
    form.onsubmit = (event) => {
      event.preventDefault();
      void openStory(String(new FormData(form).get('id')), this.#done);
    };
    this.#show();
  }

  #show() {
    this.#search.begin();
    void showReasons(this.#done);
    void showActions(this.#done);
  }

  /** @param {Outcome} outcome */
  #done = ({ text, isWhole }) => {
    write(byId('outcome'), text);
    byId('outcome').dataset['tone'] = isWhole ? 'good' : 'warn';
    this.#show();
  };
}

/** @param {(outcome: Outcome) => void} done */
async function showActions(done) {
  const place = byId('log');
  const answer = await findActions();
  if (answer.kind === 'failed') {
    place.replaceChildren();
    return showFailure(answer.why);
  }
  const actions = answer.value.actions.slice(0, ACTIONS_SHOWN);
  if (actions.length === 0)
    return place.replaceChildren(element('p', 'empty', 'Nothing has been done to payments yet.'));
  const rows = actions.map(({ at, what, by, why, payments }) => [
    moment(at),
    WORDS.get(what) ?? what,
    paymentsOf(payments, done),
    by,
    why,
  ]);
  place.replaceChildren(
    table('What operators have done', ['When', 'What', 'Payments', 'Who', 'Why'], rows, [
      '',
      '',
      '',
      '',
      'wide',
    ]),
  );
  fitTables();
}

/** @param {LoggedAction['payments']} payments @param {(outcome: Outcome) => void} done */
function paymentsOf([first = '', ...others], done) {
  if (others.length > 0) return `${count(others.length + 1)} payments`;
  const button = element('button', 'id', first);
  button.type = 'button';
  button.ariaHasPopup = 'dialog';
  button.onclick = () => void openStory(first, done);
  return button;
}

new Payments().start();
