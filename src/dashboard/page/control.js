import { confirmWithReason } from './confirm-dialog.js';
import { element, write } from './element.js';

const PAUSE =
  'It gets no payments any more, and is still asked about those in doubt. Payments go to the other processors; those that only it can take wait.';
const RESUME = 'It gets payments again, as routing decides.';

/**
 * A button that pauses a processor or resumes it, once an operator has confirmed that.
 *
 * @param {string} name of the processor
 */
export function pauseButton(name) {
  const button = element('button', 'control');
  button.type = 'button';
  button.ariaHasPopup = 'dialog';
  let isPaused = false;
  button.onclick = () => confirm(name, !isPaused);
  /** @param {boolean} paused */
  const show = (paused) => {
    isPaused = paused;
    write(button, `${paused ? 'Resume' : 'Pause'} ${name} …`);
  };
  show(false);
  return { button, show };
}

/** @param {string} name @param {boolean} paused what it is to be */
function confirm(name, paused) {
  const doing = `${paused ? 'Pause' : 'Resume'} ${name}`;
  confirmWithReason({
    title: `${doing}?`,
    effect: `${paused ? PAUSE : RESUME} This holds for the whole deployment within a second.`,
    button: doing,
    send: (reason, close) => send(name, paused, reason, close),
  });
}

/** @param {string} name @param {boolean} paused @param {string} reason @param {() => void} close */
async function send(name, paused, reason, close) {
  const body = JSON.stringify({ paused, by: 'dashboard', why: reason });
  const response = await fetch(`/dashboard/processors/${name}`, { method: 'PATCH', body }).catch(() => null);
  if (response === null) return 'The gateway does not answer.';
  if (response.ok) {
    close();
    return '';
  }
  const { detail = 'It did not say why.' } = (await response.json().catch(() => null)) ?? {};
  return `The gateway refuses: ${detail}`;
}
