import { byId, element, write } from './element.js';
import { ago, count, duration, timeOfDay } from './text.js';

/** @import { Condition } from '../situation.ts' */
/** @import { Frame } from '../frame.ts' */

const TONES = /** @type {const} */ ({ critical: 'bad', warning: 'warn' });

/** The banner over the figures: what is wrong with the instance, since when, and what to do. */
export class Conditions {
  /** @type {ReturnType<typeof item>[]} */
  #items = [];
  /** @type {Set<string>} the titles of the last frame, without their figures, which change all the time */
  #known = new Set();

  /** Shows a frame, and returns what a screen reader should announce. @param {Frame} frame @returns {string[]} */
  show({ conditions, instance, atMs }) {
    const list = byId('conditions-list');
    byId('conditions').hidden = conditions.length === 0;
    while (this.#items.length > conditions.length) this.#items.pop()?.node.remove();
    // The backlog is the same for all conditions, so only the first one that has it shows it.
    const told = conditions.findIndex(({ waiting }) => waiting !== null);
    for (const [index, condition] of conditions.entries()) {
      const shown = this.#items[index] ?? item();
      if (this.#items[index] === undefined) {
        this.#items.push(shown);
        list.append(shown.node);
      }
      shown.show(condition, atMs, index === told ? instance.backlogAgeMs : null);
    }
    return this.#announcements(conditions);
  }

  /** @param {readonly Condition[]} conditions @returns {string[]} */
  #announcements(conditions) {
    const before = this.#known;
    this.#known = new Set(conditions.map(({ title }) => title.replaceAll(/\d+/g, '')));
    if (conditions.length === 0) return before.size > 0 ? ['All conditions have cleared.'] : [];
    return conditions
      .filter(({ title }) => !before.has(title.replaceAll(/\d+/g, '')))
      .map(({ title }) => `${title}.`);
  }
}

function item() {
  const title = element('h3');
  const since = element('p', 'since');
  const effect = element('p');
  const advice = element('p', 'advice');
  const node = element('li', 'condition', title, since, effect, advice);

  /** @param {Condition} condition @param {number} atMs @param {number | null} backlogAgeMs null: another condition shows the backlog */
  const show = (
    { severity, title: what, forMs, waiting, effect: means, advice: todo },
    atMs,
    backlogAgeMs,
  ) => {
    node.dataset['tone'] = TONES[severity];
    write(title, what);
    const began = forMs === null ? [] : [`Since ${timeOfDay(atMs - forMs)}, for ${ago(forMs)}.`];
    const text = [...began, ...waitingText(waiting, backlogAgeMs)].join(' ');
    write(since, text);
    since.hidden = text === '';
    write(effect, means);
    write(advice, todo);
  };
  return { node, show };
}

/** @param {number | null} waiting @param {number | null} backlogAgeMs @returns {string[]} */
function waitingText(waiting, backlogAgeMs) {
  if (waiting === null || backlogAgeMs === null) return [];
  if (waiting === 0) return ['No payments are waiting.'];
  const subject = waiting === 1 ? '1 payment is waiting' : `${count(waiting)} payments are waiting`;
  return [`${subject}, the oldest for ${duration(backlogAgeMs)}.`];
}
