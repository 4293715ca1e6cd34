import { additionButton } from './add-processor.js';
import { byId, element, refresh, table, write } from './element.js';
import { term } from './help.js';
import { accented, card, STATES } from './processor-card.js';
import {
  ago,
  count,
  days,
  duration,
  feeCents,
  feeText,
  inCurrency,
  moment,
  money,
  NONE,
  percent,
  rate,
  size,
  sumText,
  timeOfDay,
} from './text.js';

/** @import { BooksFigures, Frame, Hello, ProcessorFigures, Quantiles } from '../frame.ts' */
/** @import { RoutingReason } from '../../shared-memory/routing-reason.ts' */

const CHANGES_SHOWN = 8;

/** Shown while no payment can be sent to any processor, even if this one is healthy. */
const BLOCKED = 'Gets no payments: this instance cannot claim any.';
const ALL_FAIL =
  'All processors fail, so payments wait. One is sent now and then, to see whether this one has recovered.';

const PAUSED =
  'An operator has paused it. Payments go elsewhere or wait; it is still asked about payments in doubt.';

const REMOVED =
  'An operator has removed it. Payments go elsewhere; it is still asked about payments in doubt, and its totals stay.';

const UNFIT =
  'Refuses every request: check its URL, its credentials and its contract. Payments go elsewhere or wait.';

/** @param {number} atMs @param {ProcessorFigures} figures */
function restingUntil(atMs, { restMs }) {
  return `Has asked for a rest until ${timeOfDay(atMs + (restMs ?? 0))}. Nothing is sent to it meanwhile.`;
}

/** How long the reason has applied, as a second sentence. @param {number | null} ageMs */
function lasting(ageMs) {
  return ageMs === null ? '' : ` For the last ${ago(ageMs)}.`;
}

/** The figures of a frame, as text and tables. */
export class Figures {
  #hello;
  /** @type {Map<string, HTMLElement>} */
  #now = new Map();
  /** @type {ReturnType<typeof card>[]} */
  #cards;
  /** @type {(RoutingReason | undefined)[]} */
  #reasons = [];
  /** @type {(keyof typeof STATES | undefined)[]} */
  #states = [];

  /** @param {Hello} hello */
  constructor(hello) {
    this.#hello = hello;
    write(byId('instance'), `instance ${hello.instanceId}`);
    byId('now').replaceChildren(
      this.#tile('Accepted'),
      this.#tile('Settled'),
      this.#tile('Backlog', term('Backlog')),
      this.#tile('Accept time', term('Accept time'), ' ', term('p50')),
      this.#tile('Settlement time', term('Settlement time'), ' ', term('p50')),
      this.#tile('Money settled', inCurrency('Money settled')),
      this.#tile('Fees paid', inCurrency('Fees paid')),
      this.#tile('Books', term('Books')),
    );
    this.#cards = hello.processors.map((processor, index) =>
      card(processor, index, hello.operates, (id) => this.#instance(id)),
    );
    byId('processors').replaceChildren(...this.#cards.map(({ node }) => node));
    if (hello.operates) byId('processors').after(additionButton());
    const owner = term('Owner', 'owner');
    const lease = term('Lease', 'lease');
    byId('workers-note').replaceChildren(
      'Each thread is an ',
      owner,
      ' with a number, and has a ',
      lease,
      '.',
    );
    byId('changes').replaceChildren(element('li', 'about', 'No changes since this page was opened.'));
  }

  /** @param {string} name @param {...(string | Node)} label */
  #tile(name, ...label) {
    const value = element('strong', '', NONE);
    const note = element('span', '', '');
    this.#now.set(name, value);
    this.#now.set(`${name} note`, note);
    return element(
      'div',
      '',
      element('dt', '', ...(label.length > 0 ? label : [name])),
      element('dd', '', value, note),
    );
  }

  /** Shows a frame, and returns what a screen reader should announce. @param {Frame} frame */
  show(frame) {
    this.#showNow(frame);
    this.#showCredentials(frame);
    const changes = frame.processors.flatMap((figures, index) => this.#showProcessor(index, figures, frame));
    this.#showMoney(frame);
    this.#showWorkers(frame);
    return changes;
  }

  /** @param {Frame} frame */
  #showNow({ instance, deployment }) {
    const { accept, settlement } = instance;
    this.#tell('Accepted', rate(instance.acceptedPerS), 'payments per second');
    const { settledPerS, workers } = deployment;
    const isAlone = workers.every(({ instanceId }) => instanceId === this.#hello.instanceId);
    const together = isAlone || settledPerS === null ? '' : `; ${rate(settledPerS)} by all instances`;
    this.#tell('Settled', rate(instance.settledPerS), `payments per second${together}`);
    const age = instance.backlog > 0 ? `oldest ${duration(instance.backlogAgeMs)}` : 'no payments waiting';
    this.#tell('Backlog', count(instance.backlog), age);
    this.#tell('Accept time', duration(accept?.p50Ms ?? null), p99Text(accept, 'accepted'));
    this.#tell('Settlement time', duration(settlement?.p50Ms ?? null), p99Text(settlement, 'settled'));
    const { payments, amountCents } = this.#sum(deployment.totals);
    const { amountCents: withFees, feesCents } = this.#paid(deployment.totals);
    const isKnown = deployment.totals.length > 0;
    this.#tell(
      'Money settled',
      isKnown ? money(amountCents) : NONE,
      `${count(isKnown ? payments : null)} payments`,
    );
    const share =
      withFees === 0n
        ? 'nothing settled yet'
        : `${percent(Math.round(Number((feesCents * 10_000n) / withFees)) * 100)} of the money settled`;
    this.#tell('Fees paid', isKnown ? money(feesCents) : NONE, share);
    this.#tell('Books', ...booksTexts(deployment.books));
  }

  /** @param {Frame} frame */
  #showCredentials({ instance: { credentials }, atMs }) {
    const place = byId('credentials');
    if (credentials === null) return write(place, '');
    const read = `The credentials of the processors were last read ${moment(atMs - credentials.readAgeMs)}.`;
    write(
      place,
      credentials.outdated
        ? `${read} Their files have changed since then, and cannot be put in force.`
        : read,
    );
  }

  /** @param {string} name @param {string} value @param {string} note */
  #tell(name, value, note) {
    write(/** @type {HTMLElement} */ (this.#now.get(name)), value);
    write(/** @type {HTMLElement} */ (this.#now.get(`${name} note`)), note);
  }

  /** What has been paid, and for what: each payment at the fee at which it settled. @param {Frame['deployment']['totals']} totals */
  #paid(totals) {
    const sum = { payments: 0, amountCents: 0n, feesCents: 0n };
    for (const each of totals) {
      const paid = paidFor(each);
      sum.payments += paid.payments;
      sum.amountCents += paid.amountCents;
      sum.feesCents += paid.feesCents;
    }
    return sum;
  }

  /** @param {Frame['deployment']['totals']} totals */
  #sum(totals) {
    const sum = { payments: 0, amountCents: 0n };
    for (const { count: payments, amountCents } of totals) {
      sum.payments += payments;
      sum.amountCents += BigInt(amountCents);
    }
    return sum;
  }

  /** @param {number} index @param {ProcessorFigures} figures @param {Frame} frame @returns {string[]} */
  #showProcessor(index, figures, frame) {
    const { instance, processors, atMs } = frame;
    const { name = '' } = this.#hello.processors[index] ?? {};
    const state = this.#stateOf(figures, instance.canClaim);
    const allFail = processors.every(({ breakerOpen, paused, removed }) => breakerOpen || paused || removed);
    const sentence = this.#sentence(figures.reason);
    this.#cards[index]?.showCircuit(figures, atMs);
    this.#cards[index]?.showChange(frame);
    if (state === 'removed') this.#cards[index]?.show(figures, state, REMOVED);
    else if (state === 'paused') this.#cards[index]?.show(figures, state, PAUSED);
    else if (state === 'unfit') this.#cards[index]?.show(figures, state, UNFIT);
    else if (state === 'resting') this.#cards[index]?.show(figures, state, restingUntil(atMs, figures));
    else if (state === 'idle') this.#cards[index]?.show(figures, state, BLOCKED);
    else if (allFail) this.#cards[index]?.show(figures, state, ALL_FAIL);
    else this.#cards[index]?.show(figures, state, `${sentence}${lasting(figures.reasonAgeMs)}`);
    const [stateBefore, reasonBefore] = [this.#states[index], this.#reasons[index]];
    this.#states[index] = state;
    this.#reasons[index] = figures.reason;
    if (reasonBefore !== undefined && reasonBefore !== figures.reason) {
      this.#addChange(index, name, sentence, atMs - (figures.reasonAgeMs ?? 0));
    }
    const hasChanged = stateBefore !== undefined && stateBefore !== state;
    const said = this.#said(state, figures, atMs, sentence);
    return hasChanged ? [`${name}: ${STATES[state].word.toLowerCase()}. ${said}`] : [];
  }

  /** @param {keyof typeof STATES} state @param {ProcessorFigures} figures @param {number} atMs @param {string} sentence */
  #said(state, figures, atMs, sentence) {
    if (state === 'removed') return REMOVED;
    if (state === 'paused') return PAUSED;
    if (state === 'unfit') return UNFIT;
    return state === 'resting' ? restingUntil(atMs, figures) : sentence;
  }

  /** @param {ProcessorFigures} figures @param {boolean} canClaim @returns {keyof typeof STATES} */
  #stateOf({ paused, removed, breakerOpen, unfit, restMs, observedMs, oldestCallAgeMs }, canClaim) {
    if (removed) return 'removed';
    if (paused) return 'paused';
    if (breakerOpen && unfit) return 'unfit';
    if (restMs !== null) return 'resting';
    if (breakerOpen) return 'failing';
    if (!canClaim) return 'idle';
    return Math.max(observedMs, oldestCallAgeMs ?? 0) > this.#hello.latencyBudgetMs ? 'slow' : 'healthy';
  }

  /** @param {RoutingReason} reason */
  #sentence(reason) {
    switch (reason) {
      case 'none':
        return 'No payment has been routed yet.';
      case 'cheapest-well':
        return 'Gets the payments: the cheapest healthy processor.';
      case 'least-slow':
        return 'Gets the payments: slow, but no other is faster.';
      case 'probe':
        return 'Gets one payment, to see whether it has recovered.';
      case 'full':
        return 'Gets the payments. All its calls are in use, so the next payments wait for one to end.';
      case 'after-failover-delay':
        return `Takes payments that waited ${duration(this.#hello.failoverDelayMs)} for a cheaper processor.`;
      case 'failing':
        return `Its calls fail. Payments wait ${duration(this.#hello.failoverDelayMs)} for it, then go to a processor that works.`;
      case 'slow':
        return `Takes longer than ${duration(this.#hello.latencyBudgetMs)}. Payments go elsewhere.`;
      case 'not-needed':
        return 'Not needed: a cheaper processor takes the payments.';
      case 'amount-not-taken':
        return 'Gets no payments: their amounts are outside of its limits.';
      case 'paused':
        return 'Gets no payments: an operator has paused it.';
    }
  }

  /** @param {number} index @param {string} name @param {string} sentence @param {number} atMs */
  #addChange(index, name, sentence, atMs) {
    const list = byId('changes');
    for (const placeholder of list.querySelectorAll('.about')) placeholder.remove();
    const time = element('time', '', timeOfDay(atMs));
    const item = element('li', '', time, accented('b', index, name), ` ${sentence}`);
    list.prepend(item);
    while (list.childElementCount > CHANGES_SHOWN) list.lastElementChild?.remove();
  }

  /** @param {Frame} frame */
  #showMoney({ deployment, processors: figures }) {
    const { totals, stranded, unavailable, noTotals } = deployment;
    const { processors } = this.#hello;
    const { payments, amountCents } = this.#sum(totals);
    if (totals.length === 0) {
      const why = noTotals === null ? null : `Not known: ${noTotals}. Payments go on.`;
      byId('money').replaceChildren();
      write(byId('money-note'), why ?? unavailable ?? 'The ledger has not answered yet.');
      return;
    }
    const unconfigured = totals.slice(processors.length);
    const { payments: settled, amountCents: compared, feesCents } = this.#paid(totals);
    const everythingAt = figures.map(({ fee }) => feeCents(compared, settled, fee));
    const amounts = totals.map((total) => BigInt(total.amountCents));
    const fees = totals.map((total) => paidFor(total).feesCents);
    const unknown = unconfigured.map(() => NONE);
    // Before the first payment all cost the same. Then the last one counts as the most expensive.
    const dearest = everythingAt.toSorted((one, other) => Number(other - one))[0] ?? 0n;
    const { name: dearestName } = processors[everythingAt.lastIndexOf(dearest)] ?? {};
    const saved =
      payments === 0
        ? 'No payment has been settled yet.'
        : `Routing has saved ${sumText(dearest - feesCents)} in fees, compared with sending everything to ${dearestName}.`;
    const late =
      unavailable === null ? '' : ` These figures are old: the ledger does not answer (${unavailable}).`;
    const waiting = stranded.map(
      ({ name, count: open }) =>
        ` ${count(open)} open at ${name}, which is not configured: add it to PROCESSORS or PROCESSORS_FILE to settle them.`,
    );
    const unrecorded =
      settled >= payments
        ? ''
        : ` What ${count(payments - settled)} restored payments have cost is not known.`;
    write(byId('money-note'), saved + unrecorded + late + waiting.join(''));
    const retired = unconfigured.map(({ name }) => `${name} (not configured)`);
    const heads = ['', ...processors.map(({ name }) => name), ...retired, 'Total'];
    const rows = [
      ['Payments', ...totals.map((total) => count(total.count)), count(payments)],
      [inCurrency('Settled'), ...amounts.map(money), money(amountCents)],
      ['Fee now', ...figures.map(({ fee }) => feeText(fee)), ...unknown, ''],
      [inCurrency('Fees paid'), ...fees.map(money), money(feesCents)],
      ['If all had gone here, at the fee now', ...everythingAt.map(money), ...unknown, ''],
    ];
    refresh(byId('money'), table('Money settled and fees, by processor', heads, rows));
  }

  /** An instance, with a link to its own dashboard if its address is known. @param {string} id */
  #instance(id) {
    const { instanceId, instanceUrl } = this.#hello;
    if (id === instanceId) return `${id} (this one)`;
    if (instanceUrl === '') return id;
    const link = element('a', '', id);
    link.href = `${instanceUrl.replaceAll('{instance}', encodeURIComponent(id))}/dashboard`;
    return link;
  }

  /** @param {Frame} frame */
  #showWorkers({ deployment }) {
    const rows = deployment.workers.map(({ instanceId, name, owner, leaseLeftMs }) => [
      this.#instance(instanceId),
      name,
      String(owner),
      leaseLeftMs > 0 ? `${duration(leaseLeftMs)} left` : 'expired',
    ]);
    const place = byId('workers');
    if (rows.length === 0) {
      return place.replaceChildren(
        element('p', 'empty', 'No thread has a lease, as far as the ledger has said.'),
      );
    }
    const heads = ['Instance', 'Thread', 'Owner', 'Lease'];
    refresh(place, table('Instances and their leases', heads, rows));
  }
}

/** How much longer the books have room, or how full they are. @param {BooksFigures | null} books @returns {[value: string, note: string]} */
function booksTexts(books) {
  if (books === null) return [NONE, 'not measured yet'];
  const { usedBytes, limitBytes, fullInMs } = books;
  if (limitBytes === null) return [size(usedBytes), 'used, and nothing limits them'];
  const limit = `of ${size(limitBytes)} used`;
  return fullInMs === null
    ? [size(usedBytes), limit]
    : [days(fullInMs), `until they are full; ${size(usedBytes)} ${limit}`];
}

/** What the payments of a processor have cost. @param {Frame['deployment']['totals'][number]} totals */
function paidFor({ fees }) {
  const sum = { payments: 0, amountCents: 0n, feesCents: 0n };
  for (const { count: payments, amountCents, ...fee } of fees) {
    sum.payments += payments;
    sum.amountCents += BigInt(amountCents);
    sum.feesCents += feeCents(BigInt(amountCents), payments, fee);
  }
  return sum;
}

/** @param {Quantiles | null} times @param {string} done */
function p99Text(times, done) {
  return times === null ? `none ${done} in the last 10 s` : `p99 ${duration(times.p99Ms)}`;
}
