import { byId, element, write } from './element.js';

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
  const dialog = byId('control', HTMLDialogElement);
  const word = paused ? 'Pause' : 'Resume';
  write(byId('control-title'), `${word} ${name}?`);
  write(
    byId('control-effect'),
    `${paused ? PAUSE : RESUME} This holds for the whole deployment within a second.`,
  );
  write(byId('control-refusal'), '');
  write(byId('control-confirm'), `${word} ${name}`);
  byId('control-reason', HTMLInputElement).value = '';
  byId('control-form').onsubmit = (event) => {
    event.preventDefault();
    void send(name, paused, dialog);
  };
  byId('control-cancel').onclick = () => dialog.close();
  dialog.showModal();
}

/** Closes the dialog if the gateway agrees; otherwise it shows why not. @param {string} name @param {boolean} paused @param {HTMLDialogElement} dialog */
async function send(name, paused, dialog) {
  const { value: reason } = byId('control-reason', HTMLInputElement);
  const body = JSON.stringify({ paused, by: 'dashboard', reason });
  const response = await fetch(`/dashboard/processors/${name}`, { method: 'PATCH', body }).catch(() => null);
  if (response?.ok === true) {
    dialog.close();
    return;
  }
  const { detail = 'It did not say why.' } = (await response?.json().catch(() => null)) ?? {};
  const why = response === null ? 'The gateway does not answer.' : `The gateway refuses: ${detail}`;
  write(byId('control-refusal'), why);
}
