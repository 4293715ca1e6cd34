import { controls } from './control.js';
import { element, write } from './element.js';
import { term } from './help.js';
import { ago, count, duration, feeText, limitTexts, moment, NONE, rate } from './text.js';

/** @import { Frame, Hello, ProcessorFigures } from '../frame.ts' */
/** @import { Limits } from '../../core/terms.ts' */

const LIMITS = ['Calls at once', 'Calls a second', 'Amounts'];

/** The state of a processor in one word, with its colour. */
export const STATES = /** @type {const} */ ({
  healthy: { word: 'Healthy', tone: 'good' },
  slow: { word: 'Slow', tone: 'warn' },
  failing: { word: 'Failing', tone: 'bad' },
  unfit: { word: 'Unfit', tone: 'bad' },
  resting: { word: 'Resting', tone: 'warn' },
  paused: { word: 'Paused', tone: 'quiet' },
  removed: { word: 'Removed', tone: 'quiet' },
  idle: { word: 'Idle', tone: 'quiet' },
});

/** The card of one processor. @param {Hello['processors'][number]} processor @param {number} index @param {boolean} operates */
export function card(processor, index, operates) {
  const { name, contract, terms: configured } = processor;
  const badge = element('span', 'badge', NONE);
  const big = element('strong', 'rate', NONE);
  const sentence = element('p', 'reason', '');
  const circuit = element('span', '', '');
  const changed = element('p', 'changed about', '');
  const facts = ['Observed', 'Reported', 'Health call', 'In flight', 'Oldest call', 'In doubt', ...LIMITS];
  const values = facts.map(() => element('dd', '', NONE));
  const list = element(
    'dl',
    '',
    ...facts.map((fact, at) => element('div', '', element('dt', '', term(fact)), values[at] ?? '')),
  );
  const title = accented('h3', index, name);
  const terms = element('small', '', `${contract}, fee ${feeText(configured)}`);
  title.append(terms);
  const node = element('article', 'card', element('header', '', title, badge));
  node.append(
    element('p', 'big', big, element('span', '', 'settled per second')),
    sentence,
    element('p', 'circuit about', 'Its ', term('Circuit', 'circuit'), circuit),
    changed,
    list,
  );
  node.style.setProperty('--accent', `var(--accent-${index % 8})`);
  const control = controls(processor);
  if (operates) node.append(control.node);

  /** @param {ProcessorFigures} figures @param {keyof typeof STATES} state @param {string} reason */
  const show = (figures, state, reason) => {
    const { reported } = figures;
    badge.dataset['tone'] = STATES[state].tone;
    write(badge, STATES[state].word);
    control.show(figures);
    write(terms, `${contract}, fee ${feeText(figures.fee)}`);
    write(big, rate(figures.settledPerS));
    write(sentence, reason);
    const texts = [
      duration(figures.observedMs),
      duration(reported?.minResponseTimeMs ?? null),
      reported === null
        ? 'none yet'
        : `${reported.failing ? 'failing' : 'healthy'}, ${ago(reported.ageMs)} ago`,
      count(figures.callsInFlight),
      duration(figures.oldestCallAgeMs),
      count(figures.inDoubt),
      ...limitsTexts(figures.limits, configured),
    ];
    for (const [at, text] of texts.entries()) write(/** @type {Node} */ (values[at]), text);
  };

  /** @param {ProcessorFigures} figures @param {number} atMs */
  const showCircuit = (figures, atMs) => write(circuit, ` ${circuitText(figures, atMs)}`);

  /** @param {Frame} frame */
  const showChange = ({ deployment, atMs }) => {
    const change = deployment.changed.find((each) => each.name === name);
    changed.hidden = change === undefined;
    if (change === undefined) return;
    const { ageMs, by, why } = change;
    const byWhom = by === '' ? '' : ` by ${by}`;
    write(changed, `Last changed ${moment(atMs - ageMs)}${byWhom}${why === '' ? '.' : `: ${why}`}`);
  };
  return { node, show, showCircuit, showChange };
}

/** When it last opened and why, and when it last closed. @param {ProcessorFigures} figures @param {number} atMs */
function circuitText({ breakerOpen, openedAgeMs, openedWhy, closedAgeMs }, atMs) {
  if (openedAgeMs === null) return 'has not opened since this instance started.';
  const opened = `opened ${moment(atMs - openedAgeMs)}: ${openedWhy}.`;
  if (closedAgeMs === null) return `is open for ${ago(openedAgeMs)}. It ${opened}`;
  const closed = `${moment(atMs - closedAgeMs)}`;
  return breakerOpen
    ? `is open for ${ago(openedAgeMs)}. It ${opened} Before, it closed ${closed}.`
    : `closed ${closed}. It ${opened}`;
}

/** What holds, and in parentheses what is configured if that differs. @param {Limits} limits @param {Limits} configured */
function limitsTexts(limits, configured) {
  const before = limitTexts(configured);
  return limitTexts(limits).map((text, at) => (text === before[at] ? text : `${text} (${before[at]})`));
}

/** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {number} index @param {string} text */
export function accented(tag, index, text) {
  const made = element(tag, 'accented', text);
  made.style.setProperty('--accent', `var(--accent-${index % 8})`);
  return made;
}
