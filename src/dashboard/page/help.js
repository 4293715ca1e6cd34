import { byId, element } from './element.js';
import { TERMS } from './terms.js';

/** How long an explanation stays when the pointer leaves, so that it can be moved onto the explanation. */
const LINGER_MS = 200;
const MARGIN_PX = 8;

/** The term that is explained now. @type {HTMLElement | null} */
let explained = null;
let lingering = 0;

/**
 * A word that explains itself: on hover and focus, and in the help panel when it is pressed.
 *
 * @param {string} name of the term
 * @param {string} [label] if the page calls it otherwise
 */
export function term(name, label = name) {
  const button = element('button', 'term', label);
  button.type = 'button';
  button.onfocus = button.onpointerenter = () => explain(button, name);
  button.onblur = hide;
  button.onpointerleave = hideSoon;
  button.onclick = () => open(name);
  return button;
}

/** The help panel and its button. */
export function startHelp() {
  const entries = Object.entries(TERMS).flatMap(([name, { text, read }]) => {
    const title = element('dt', '', name);
    title.id = idOf(name);
    title.tabIndex = -1;
    return [title, element('dd', '', text, ' ', element('span', 'read about', `Read on: ${read}.`))];
  });
  byId('terms').replaceChildren(...entries);
  byId('help-button').onclick = () => open(null);
  const tip = element('p');
  Object.assign(tip, { id: 'tip', role: 'tooltip', hidden: true });
  byId('main').append(tip);
  tip.onpointerenter = () => clearTimeout(lingering);
  tip.onpointerleave = hideSoon;
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide();
  });
  addEventListener('scroll', hide, { passive: true });
}

/** @param {HTMLElement} word @param {string} name */
function explain(word, name) {
  hide();
  explained = word;
  const tip = byId('tip');
  tip.textContent = TERMS[name]?.text ?? '';
  tip.hidden = false;
  word.setAttribute('aria-describedby', tip.id);
  const { left, top, bottom } = word.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const isBelow = bottom + MARGIN_PX + tip.offsetHeight < clientHeight;
  tip.style.left = `${Math.max(MARGIN_PX, Math.min(left, clientWidth - tip.offsetWidth - MARGIN_PX))}px`;
  tip.style.top = `${isBelow ? bottom + 4 : Math.max(MARGIN_PX, top - tip.offsetHeight - 4)}px`;
}

function hide() {
  clearTimeout(lingering);
  explained?.removeAttribute('aria-describedby');
  explained = null;
  byId('tip').hidden = true;
}

function hideSoon() {
  clearTimeout(lingering);
  lingering = setTimeout(hide, LINGER_MS);
}

/** Opens the panel, at a term if there is one. @param {string | null} name */
function open(name) {
  hide();
  byId('help', HTMLDialogElement).showModal();
  if (name === null) return;
  const title = byId(idOf(name));
  title.scrollIntoView({ block: 'start' });
  title.focus();
}

/** @param {string} name */
function idOf(name) {
  return `term-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}
