import { controls } from './control.js';
import { element, refreshItems, write } from './element.js';
import { term } from './help.js';
import { ago, count, duration, feeText, limitTexts, moment, NONE, rate } from './text.js';

/** @import { Frame, Hello, InstanceCircuit, ProcessorFigures } from '../frame.ts' */
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

/**
 * The card of one processor.
 *
 * @param {Hello['processors'][number]} processor
 * @param {number} index
 * @param {boolean} operates
 * @param {(id: string) => string | Node} instance names an instance, and leads to it if that is possible
 */
export function card(processor, index, operates, instance) {
  const { name, contract, terms: configured } = processor;
  const badge = element('span', 'badge', NONE);
  const big = element('strong', 'rate', NONE);
  const sentence = element('p', 'reason', '');
  const circuit = element('span', '', '');
  const instances = element('ul', 'instances about');
  instances.ariaLabel = `Instances that see the circuit of ${name}`;
  instances.hidden = true;
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
    instances,
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
  const showCircuit = (figures, atMs) => {
    write(circuit, ` ${circuitText(figures, atMs)}`);
    instances.hidden = figures.instances.length === 0;
    refreshItems(instances, instanceItems(figures.instances, atMs, instance));
  };

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

/**
 * A line for each instance at which the circuit is open, and one for all others that see the same.
 *
 * @param {readonly InstanceCircuit[]} circuits
 * @param {number} atMs
 * @param {(id: string) => string | Node} instance
 */
function instanceItems(circuits, atMs, instance) {
  const open = circuits.flatMap(({ instanceId, state, openedAgeMs, why }) => {
    if (openedAgeMs === null) return [];
    const since = `: ${state === 'open' ? 'open since' : 'half-open, opened'} ${moment(atMs - openedAgeMs)}`;
    return [element('li', '', 'At ', instance(instanceId), since, why === '' ? '' : `, ${why}`)];
  });
  const others = /** @type {const} */ (['closed', 'unknown']).flatMap((state) => {
    const ids = circuits.filter((circuit) => circuit.state === state).map(({ instanceId }) => instanceId);
    if (ids.length === 0) return [];
    const names = ids.flatMap((id, at) => (at === 0 ? [instance(id)] : [', ', instance(id)]));
    return [element('li', '', 'At ', ...names, state === 'closed' ? ': closed' : ': not known')];
  });
  return [...open, ...others];
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
