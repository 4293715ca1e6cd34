import { byId, write } from './element.js';

/** @typedef {(reason: string, close: () => void) => Promise<string>} Send closes the dialog once it is done, or answers why it is not */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} effect
 * @property {string} button
 * @property {readonly Node[]} [fields] what it asks besides the reason
 * @property {boolean} [isReasonRequired]
 * @property {Send} send
 */

/** Asks for a confirmation and a reason. @param {Question} question */
export function confirmWithReason({ title, effect, button, fields = [], isReasonRequired = false, send }) {
  const dialog = byId('control', HTMLDialogElement);
  const confirm = byId('control-confirm', HTMLButtonElement);
  const reason = byId('control-reason', HTMLInputElement);
  write(byId('control-title'), title);
  write(byId('control-effect'), effect);
  write(byId('control-refusal'), '');
  write(confirm, button);
  byId('control-fields').replaceChildren(...fields);
  reason.value = '';
  reason.required = isReasonRequired;
  byId('control-form').onsubmit = async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    write(byId('control-refusal'), await send(reason.value, () => dialog.close()));
    confirm.disabled = false;
  };
  byId('control-cancel').onclick = () => dialog.close();
  dialog.showModal();
}
