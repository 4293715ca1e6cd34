import { confirmWithReason } from './confirm-dialog.js';
import { EVERYWHERE, input, sendTo } from './control.js';
import { element } from './element.js';

const ADD =
  'It gets payments as routing decides, also from gateways that start later. What is not asked for here, dinossauro processors add can say.';

/** A button with which operators add a processor. */
export function additionButton() {
  const made = element('button', 'control', 'Add a processor …');
  made.type = 'button';
  made.ariaHasPopup = 'dialog';
  made.onclick = confirmAddition;
  return made;
}

function confirmAddition() {
  const fields = {
    name: input({ type: 'text', maxLength: 32, required: true }),
    url: input({ type: 'url', required: true }),
    contract: input({ type: 'text', value: 'rest', required: true }),
    share: input({ min: 0, max: 1, step: 0.000001, value: 0, required: true }),
    fixed: input({ min: 0, max: 1e6, step: 0.01, value: 0, required: true }),
    bearer: input({ type: 'text' }),
  };
  const { name, url, contract, share, fixed, bearer } = fields;
  confirmWithReason({
    title: 'Add a processor?',
    effect: `${ADD} ${EVERYWHERE}`,
    button: 'Add it',
    fields: [
      element('label', '', 'Name', name),
      element('label', '', 'URL', url),
      element('label', '', 'Contract', contract),
      element('label', '', 'Share of the amount, such as 0.05', share),
      element('label', '', 'Fixed part of each payment', fixed),
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
