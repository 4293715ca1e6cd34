import { byId, write } from './element.js';

/** Lets operators add a processor, in a dialog. */
export function offerAddition() {
  const dialog = byId('add', HTMLDialogElement);
  const form = byId('add-form', HTMLFormElement);
  const confirm = byId('add-confirm', HTMLButtonElement);
  byId('add-offer').hidden = false;
  byId('add-open').onclick = () => {
    form.reset();
    write(byId('add-refusal'), '');
    dialog.showModal();
  };
  byId('add-cancel').onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    confirm.disabled = true;
    const refusal = await send(new FormData(form));
    confirm.disabled = false;
    write(byId('add-refusal'), refusal);
    if (refusal === '') dialog.close();
  };
}

/** Empty: it is added. Otherwise why it is not. @param {FormData} data */
async function send(data) {
  /** @param {string} name */
  const of = (name) => String(data.get(name) ?? '').trim();
  const bearer = of('bearer');
  const processor = {
    name: of('name'),
    url: of('url'),
    contract: of('contract'),
    fee: { share: Number(of('share')), fixed: Number(of('fixed')) },
    ...(bearer !== '' && { credentials: { bearer } }),
    by: 'dashboard',
    reason: of('reason'),
  };
  const body = JSON.stringify(processor);
  const response = await fetch('/dashboard/processors', { method: 'POST', body }).catch(() => null);
  if (response === null) return 'The gateway does not answer.';
  if (response.ok) return '';
  const { detail = 'It did not say why.' } = (await response.json().catch(() => null)) ?? {};
  return `The gateway refuses: ${detail}`;
}
