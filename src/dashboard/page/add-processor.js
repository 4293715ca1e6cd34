import { confirmWithReason } from './confirm-dialog.js';
import { dialogButton, EVERYWHERE, feeFields, input, sendTo } from './control.js';
import { element } from './element.js';

const ADD =
  'It gets payments as routing decides, also from gateways that start later. What is not asked for here, dinossauro processors add can say.';

/** A button with which operators add a processor. */
export function additionButton() {
  const made = dialogButton('Add a processor …');
  made.onclick = confirmAddition;
  return made;
}

function confirmAddition() {
  const name = input({ type: 'text', maxLength: 32, required: true });
  const url = input({ type: 'url', required: true });
  const contract = input({ type: 'text', value: 'rest', required: true });
  const { share, fixed, labels } = feeFields({ feePpm: 0, feeFixedCents: 0 });
  const bearer = input({ type: 'text' });
  confirmWithReason({
    title: 'Add a processor?',
    effect: `${ADD} ${EVERYWHERE}`,
    button: 'Add it',
    fields: [
      element('label', '', 'Name', name),
      element('label', '', 'URL', url),
      element('label', '', 'Contract', contract),
      ...labels,
      element('label', '', 'File with its bearer token, in PROCESSOR_SECRETS_DIR', bearer),
    ],
    send: (why, close) => {
      const processor = {
        name: name.value,
        url: url.value,
        contract: contract.value,
        fee: { share: share.valueAsNumber, fixed: fixed.valueAsNumber },
        ...(bearer.value !== '' && { credentials: { bearer: bearer.value } }),
        by: 'dashboard',
        why,
      };
      return sendTo('/dashboard/processors', 'POST', processor, close);
    },
  });
}
