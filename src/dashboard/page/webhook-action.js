import { confirmWithReason } from './confirm-dialog.js';
import { element } from './element.js';
import { changeWebhook } from './webhook-api.js';

/** @import { Webhook } from './webhook-api.js' */

const HOUR_MS = 3_600_000;
const ENABLE = 'It gets its events again, from where it was.';
const TRY =
  'The event that it did not take is posted again at once, instead of after the pause. So is what waits behind it.';
const REPLAY =
  'It gets all events from this time on once more, under the same ids, and what waits now after them. An endpoint that notes ids skips those that it has.';

/** Has an endpoint get its events again. @param {Webhook} webhook @param {(text: string) => void} done */
export function confirmEnabling({ name, state }, done) {
  const isDisabled = state === 'disabled';
  const doing = isDisabled ? `Enable ${name}` : `Try ${name} again`;
  askFirst(doing, isDisabled ? ENABLE : TRY, [], (reason, close) =>
    send(name, { enabled: true }, reason, close, () =>
      done(isDisabled ? `${name} is enabled.` : `${name} is tried again.`),
    ),
  );
}

/** Has an endpoint get events once more. @param {Webhook} webhook @param {(text: string) => void} done */
export function confirmReplay({ name, state }, done) {
  const from = element('input');
  Object.assign(from, { id: 'replay-from', type: 'datetime-local', step: '1', required: true });
  const then = state === 'disabled' ? ' It is disabled: it gets them once it is enabled.' : '';
  from.value = localText(Date.now() - HOUR_MS);
  const fields = [element('label', '', 'From ', from)];
  askFirst(`Replay events to ${name}`, `${REPLAY}${then}`, fields, (reason, close) => {
    const replayFrom = new Date(from.value).toISOString();
    const text = `${name} gets all events from ${from.value.replace('T', ' ')} on again.${then}`;
    return send(name, { replayFrom }, reason, close, () => done(text));
  });
}

/** @param {string} doing @param {string} effect @param {readonly Node[]} fields @param {import('./confirm-dialog.js').Send} send */
function askFirst(doing, effect, fields, send) {
  confirmWithReason({ title: `${doing}?`, effect, button: doing, fields, send });
}

/** @param {string} name @param {object} change @param {string} reason @param {() => void} close @param {() => void} done */
async function send(name, change, reason, close, done) {
  const answer = await changeWebhook(name, change, reason);
  if (answer.kind === 'failed') return answer.why;
  close();
  done();
  return '';
}

/** In the viewer's time zone, as a field for a time has it. @param {number} atMs */
function localText(atMs) {
  return new Date(atMs).toLocaleString('sv-SE').replace(' ', 'T');
}
