import { byId, element, fitTables, table, write } from './element.js';
import { showFailure } from './operator-api.js';
import { findPayments } from './payment-api.js';
import { badgeOf } from './payment-story.js';
import { count, decimal, inCurrency, moment, NONE } from './text.js';

/** @import { Payment } from './payment-api.js' */

const LIMIT = 50;
/** The books are searched piece by piece, and a piece may have none that fits. */
const REQUESTS_MAX = 20;
const TIMES = ['from', 'to'];

/** The search and what it has found. It is in the address of the page, so that it can be kept and passed on. */
export class Search {
  /** @type {Payment[]} */
  #found = [];
  /** @type {string | null} */
  #next = null;
  #query = new URLSearchParams();
  /** @type {(id: string) => void} */
  #open;
  #number = 0;

  /** @param {(id: string) => void} open shows the story of a payment */
  constructor(open) {
    this.#open = open;
    const form = byId('search', HTMLFormElement);
    for (const [name, value] of new URLSearchParams(location.search)) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
    }
    form.onsubmit = (event) => {
      event.preventDefault();
      this.begin();
    };
    byId('more').onclick = () => void this.#add();
  }

  /** Searches for what the form says. */
  begin() {
    const fields = [...new FormData(byId('search', HTMLFormElement))].filter(([, value]) => value !== '');
    const shown = new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
    history.replaceState(null, '', shown.size === 0 ? location.pathname : `?${shown}`);
    this.#query = new URLSearchParams(shown);
    for (const name of TIMES) {
      const time = shown.get(name);
      // The form has the time of the viewer, who means the whole second.
      if (time !== null)
        this.#query.set(name, new Date(Date.parse(time) + (name === 'to' ? 999 : 0)).toISOString());
    }
    this.#query.set('limit', String(LIMIT));
    this.#found = [];
    this.#next = '';
    showFailure('');
    write(byId('found'), 'Searching …');
    void this.#add();
  }

  /** Adds about as many payments as fit, or what a bounded number of requests finds. */
  async #add() {
    const number = ++this.#number;
    const wanted = this.#found.length + LIMIT;
    for (let request = 0; request < REQUESTS_MAX && this.#found.length < wanted; request++) {
      if (this.#next === null) return;
      const query = new URLSearchParams(this.#query);
      if (this.#next !== '') query.set('after', this.#next);
      const answer = await findPayments(query);
      // Another search has begun meanwhile.
      if (number !== this.#number) return;
      if (answer.kind === 'failed') {
        showFailure(answer.why);
        write(byId('found'), '');
        byId('results').replaceChildren();
        byId('more').hidden = true;
        return;
      }
      this.#found.push(...answer.value.payments);
      this.#next = answer.value.next;
      this.#show(answer.value.instance);
    }
  }

  /** @param {{ readonly name: string, readonly waiting: number }} instance */
  #show({ name, waiting }) {
    const hasMore = this.#next !== null;
    const number = this.#found.length;
    const found =
      number === 0 ? 'No payment found' : `${count(number)} ${number === 1 ? 'payment' : 'payments'} found`;
    const more = hasMore
      ? number === 0
        ? ' yet: the books are searched piece by piece'
        : ', and there may be more'
      : '';
    const waits =
      waiting > 0 ? ` ${count(waiting)} wait at ${name}: those not claimed yet are not in the list.` : '';
    write(byId('found'), `${found}${more}.${waits}`);
    byId('more').hidden = !hasMore;
    write(byId('more'), number === 0 ? 'Search on' : 'Show more');
    if (number === 0) {
      byId('results').replaceChildren(
        element('p', 'empty', hasMore ? 'Nothing in this piece.' : 'No payment is like this.'),
      );
      return;
    }
    const rows = this.#found.map((payment) => this.#row(payment));
    const heads = ['Payment', 'Status', inCurrency('Amount'), 'Accepted', 'Processor', 'Tries', 'Reason'];
    byId('results').replaceChildren(table('Payments found', heads, rows, CLASSES));
    fitTables();
  }

  /** @param {Payment} payment */
  #row(payment) {
    const { correlationId, amount, acceptedAt, processor, attempts, reason = '' } = payment;
    const id = element('button', 'id', correlationId);
    id.type = 'button';
    id.ariaHasPopup = 'dialog';
    id.onclick = () => this.#open(correlationId);
    return [
      id,
      badgeOf(payment),
      amount === undefined ? NONE : decimal(amount),
      moment(acceptedAt),
      processor ?? '',
      count(attempts),
      reason,
    ];
  }
}

const CLASSES = ['', '', 'number', '', '', 'number', 'wide'];
