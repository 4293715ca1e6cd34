import { byId, element, write } from './element.js';
import { ago, count, duration, timeOfDay } from './text.js';

/** @import { Condition } from '../conditions.ts' */
/** @import { Frame } from '../frame.ts' */

const TONES = /** @type {const} */ ({ critical: 'bad', warning: 'warn' });

/** The banner over the figures: what is wrong with the instance, since when, and what to do. */
export class Conditions {
  /** @type {ReturnType<typeof item>[]} */
  #items = [];
  /** @type {Set<string>} what was wrong a frame ago, without figures that change all the time */
  #known = new Set();

  /** Shows a frame, and answers what of it somebody who does not look should hear. @param {Frame} frame @returns {string[]} */
  show({ conditions, instance, atMs }) {
    const list = byId('conditions-list');
    byId('conditions').hidden = conditions.length === 0;
    while (this.#items.length > conditions.length) this.#items.pop()?.node.remove();
    // All wait for the same end: how many they are is said once.
    const told = conditions.findIndex(({ waiting }) => waiting !== null);
    for (const [index, condition] of conditions.entries()) {
      const shown = this.#items[index] ?? item();
      if (this.#items[index] === undefined) {
        this.#items.push(shown);
        list.append(shown.node);
      }
      shown.show(condition, atMs, index === told ? instance.backlogAgeMs : null);
    }
    return this.#news(conditions);
  }

  /** @param {readonly Condition[]} conditions @returns {string[]} */
  #news(conditions) {
    const before = this.#known;
    this.#known = new Set(conditions.map(({ title }) => title.replaceAll(/\d+/g, '')));
    if (conditions.length === 0) return before.size > 0 ? ['All is well again.'] : [];
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

  /** @param {Condition} condition @param {number} atMs @param {number | null} backlogAgeMs null: what waits is said elsewhere */
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
  if (waiting === 0) return ['No payment waits.'];
  const subject = waiting === 1 ? '1 payment waits' : `${count(waiting)} payments wait`;
  return [`${subject}, the oldest for ${duration(backlogAgeMs)}.`];
}
