import { byId, write } from './element.js';

/** @typedef {(reason: string, close: () => void) => Promise<string>} Send closes the dialog once it is done, or answers why it is not */

/**
 * Asks for a confirmation and a reason.
 *
 * @param {{ readonly title: string, readonly effect: string, readonly button: string, readonly send: Send }} question
 */
export function confirmWithReason({ title, effect, button, send }) {
  const dialog = byId('control', HTMLDialogElement);
  const confirm = byId('control-confirm', HTMLButtonElement);
  const reason = byId('control-reason', HTMLInputElement);
  write(byId('control-title'), title);
  write(byId('control-effect'), effect);
  write(byId('control-refusal'), '');
  write(confirm, button);
  reason.value = '';
  byId('control-form').onsubmit = async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    write(byId('control-refusal'), await send(reason.value, () => dialog.close()));
    confirm.disabled = false;
  };
  byId('control-cancel').onclick = () => dialog.close();
  dialog.showModal();
}
