import { confirmWithReason } from './confirm-dialog.js';
import { element, write } from './element.js';
import { feeText, limitTexts } from './text.js';

/** @import { Hello, ProcessorFigures } from '../frame.ts' */
/** @import { Limits, Terms } from '../../core/terms.ts' */

const PAUSE =
  'It gets no payments any more, and is still asked about those in doubt. Payments go to the other processors; those that only it can take wait.';
const RESUME = 'It gets payments again, as routing decides.';
const FEE =
  'Payments that settle from then on cost this, and go to the processor that is cheapest by then. What has settled keeps its fee.';
const LIMITS =
  'Calls in flight end as they began. A payment that no processor takes any more waits. An empty field is as configured.';
const REMOVE =
  'It gets no payments any more, also after a restart, and is still asked about those in doubt. Its totals stay, and it can be added again.';
const ADD_AGAIN = 'It gets payments again, as routing decides, unless it is paused.';
export const EVERYWHERE = 'This holds for the whole deployment within a second.';

/**
 * Buttons that pause a processor or resume it, remove it or add it again, and change its fee and limits, each once an
 * operator has confirmed that.
 *
 * @param {Hello['processors'][number]} processor
 */
export function controls({ name, terms: configured }) {
  /** @type {ProcessorFigures | null} */
  let now = null;
  const [pause, fee, limits, remove] = [dialogButton(), dialogButton(), dialogButton(), dialogButton()];
  pause.onclick = () => now && confirmPause(name, !now.paused);
  fee.onclick = () => now && confirmFee(name, now.fee, configured);
  limits.onclick = () => now && confirmLimits(name, now.limits, configured);
  remove.onclick = () => now && confirmRemoval(name, !now.removed);
  write(fee, `Fee of ${name} …`);
  write(limits, `Limits of ${name} …`);
  /** @param {ProcessorFigures} figures */
  const show = (figures) => {
    now = figures;
    pause.hidden = fee.hidden = limits.hidden = figures.removed;
    write(pause, `${figures.paused ? 'Resume' : 'Pause'} ${name} …`);
    write(remove, `${figures.removed ? 'Add again' : 'Remove'} ${name} …`);
  };
  return { node: element('div', 'controls', pause, fee, limits, remove), show };
}

/** A button that opens a dialog. */
export function dialogButton(text = '') {
  const made = element('button', 'control', text);
  made.type = 'button';
  made.ariaHasPopup = 'dialog';
  return made;
}

/** @param {string} name @param {boolean} paused what it is to be */
function confirmPause(name, paused) {
  ask(name, `${paused ? 'Pause' : 'Resume'} ${name}`, paused ? PAUSE : RESUME, [], () => ({ paused }));
}

/** @param {string} name @param {boolean} removed what it is to be */
function confirmRemoval(name, removed) {
  const [verb, effect] = removed ? ['Remove', REMOVE] : ['Add again', ADD_AGAIN];
  ask(name, `${verb} ${name}`, effect, [], () => ({ removed }));
}

/** @param {string} name @param {ProcessorFigures['fee']} fee @param {Terms} configured */
function confirmFee(name, fee, configured) {
  const { share, fixed, labels } = feeFields(fee);
  const asConfigured = element('input');
  asConfigured.type = 'checkbox';
  asConfigured.onchange = () => {
    share.disabled = fixed.disabled = asConfigured.checked;
  };
  const fields = [
    ...labels,
    element('label', 'choice', asConfigured, `As configured: ${feeText(configured)}`),
  ];
  ask(name, `Change the fee of ${name}`, FEE, fields, () => ({
    fee: asConfigured.checked ? null : { share: share.valueAsNumber, fixed: fixed.valueAsNumber },
  }));
}

/** The fields for a fee, which begin with this one. @param {ProcessorFigures['fee']} fee */
export function feeFields({ feePpm, feeFixedCents }) {
  const share = input({ min: 0, max: 1, step: 0.000001, value: feePpm / 1e6, required: true });
  const fixed = input({ min: 0, max: 1e6, step: 0.01, value: feeFixedCents / 100, required: true });
  const labels = [
    element('label', '', 'Share of the amount, such as 0.05', share),
    element('label', '', 'Fixed part of each payment', fixed),
  ];
  return { share, fixed, labels };
}

/** @param {string} name @param {Limits} limits @param {Terms} configured */
function confirmLimits(name, limits, configured) {
  const [callsAtOnce = '', callsPerSecond = '', amounts = ''] = limitTexts(configured);
  /** What holds, if it is not as configured. @param {keyof Limits} limit @param {number} perOne */
  const changed = (limit, perOne) =>
    limits[limit] === configured[limit] ? '' : String((limits[limit] ?? 0) / perOne);
  const fields = {
    callsAtOnce: input({ min: 1, step: 1, value: changed('callLimit', 1) }),
    callsPerSecond: input({ min: 1, step: 1, value: changed('callsPerSecond', 1) }),
    minAmount: input({ min: 0.01, step: 0.01, value: changed('minAmountCents', 100) }),
    maxAmount: input({ min: 0.01, step: 0.01, value: changed('maxAmountCents', 100) }),
  };
  const labels = [
    element('label', '', `Calls at once, configured: ${callsAtOnce}`, fields.callsAtOnce),
    element('label', '', `Calls a second, configured: ${callsPerSecond}`, fields.callsPerSecond),
    element('label', '', `Smallest amount, configured amounts: ${amounts}`, fields.minAmount),
    element('label', '', 'Greatest amount', fields.maxAmount),
  ];
  ask(name, `Change the limits of ${name}`, LIMITS, labels, () => ({
    limits: Object.fromEntries(
      Object.entries(fields).map(([limit, { value }]) => [limit, value === '' ? null : Number(value)]),
    ),
  }));
}

/** A field for a number, unless it says otherwise. @param {Readonly<Record<string, number | string | boolean>>} attributes */
export function input(attributes) {
  const made = element('input');
  const kind = 'type' in attributes ? { autocomplete: 'off' } : { type: 'number', inputMode: 'decimal' };
  Object.assign(made, { ...kind, ...attributes });
  return made;
}

/** @param {string} name @param {string} doing @param {string} effect @param {readonly Node[]} fields @param {() => object} change reads it when it is confirmed */
function ask(name, doing, effect, fields, change) {
  confirmWithReason({
    title: `${doing}?`,
    effect: `${effect} ${EVERYWHERE}`,
    button: doing,
    fields,
    send: (why, close) =>
      sendTo(`/dashboard/processors/${name}`, 'PATCH', { ...change(), by: 'dashboard', why }, close),
  });
}

/** Empty: it is done. Otherwise why it is not. @param {string} path @param {string} method @param {object} change @param {() => void} close */
export async function sendTo(path, method, change, close) {
  const body = JSON.stringify(change);
  const response = await fetch(path, { method, body }).catch(() => null);
  if (response === null) return 'The gateway does not answer.';
  if (response.ok) {
    close();
    return '';
  }
  const { detail = 'It did not say why.' } = (await response.json().catch(() => null)) ?? {};
  return `The gateway refuses: ${detail}`;
}
