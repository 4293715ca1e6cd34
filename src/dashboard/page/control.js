import { confirmWithReason } from './confirm-dialog.js';
import { element, write } from './element.js';

/** @typedef {{ readonly paused?: boolean, readonly removed?: boolean }} Change */
/** @typedef {{ readonly verb: string, readonly effect: string, readonly change: Change }} Step */

const PAUSE = {
  verb: 'Pause',
  effect:
    'It gets no payments any more, and is still asked about those in doubt. Payments go to the other processors; those that only it can take wait.',
  change: { paused: true },
};
const RESUME = {
  verb: 'Resume',
  effect: 'It gets payments again, as routing decides.',
  change: { paused: false },
};
const REMOVE = {
  verb: 'Remove',
  effect:
    'It gets no payments any more, also after a restart, and is still asked about those in doubt. Its totals stay. It can be added again.',
  change: { removed: true },
};
const ADD_AGAIN = {
  verb: 'Add again',
  effect: 'It gets payments again, as routing decides, unless it is paused.',
  change: { removed: false },
};

/** Pauses a processor, or resumes it. @param {string} name */
export function pauseButton(name) {
  return changeButton(name, PAUSE, RESUME);
}

/** Removes a processor, or adds it again. @param {string} name */
export function removeButton(name) {
  return changeButton(name, REMOVE, ADD_AGAIN);
}

/**
 * A button that changes something about a processor or takes that back, once an operator has confirmed it.
 *
 * @param {string} name of the processor @param {Step} step @param {Step} back
 */
function changeButton(name, step, back) {
  const button = element('button', 'control');
  button.type = 'button';
  button.ariaHasPopup = 'dialog';
  let next = step;
  button.onclick = () => confirm(name, next);
  /** @param {boolean} isDone */
  const show = (isDone) => {
    next = isDone ? back : step;
    write(button, `${next.verb} ${name} …`);
  };
  show(false);
  return { button, show };
}

/** @param {string} name @param {Step} step */
function confirm(name, { verb, effect, change }) {
  const doing = `${verb} ${name}`;
  confirmWithReason({
    title: `${doing}?`,
    effect: `${effect} This holds for the whole deployment within a second.`,
    button: doing,
    send: (reason, close) => send(name, change, reason, close),
  });
}

/** @param {string} name @param {Change} change @param {string} reason @param {() => void} close */
async function send(name, change, reason, close) {
  const body = JSON.stringify({ ...change, by: 'dashboard', reason });
  const response = await fetch(`/dashboard/processors/${name}`, { method: 'PATCH', body }).catch(() => null);
  if (response === null) return 'The gateway does not answer.';
  if (response.ok) {
    close();
    return '';
  }
  const { detail = 'It did not say why.' } = (await response.json().catch(() => null)) ?? {};
  return `The gateway refuses: ${detail}`;
}
