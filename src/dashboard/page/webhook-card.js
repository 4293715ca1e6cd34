import { element, write } from './element.js';
import { ago, count, moment, NONE } from './text.js';
import { confirmEnabling, confirmReplay } from './webhook-action.js';

/** @import { Webhook } from './webhook-api.js' */

/** @type {Readonly<Record<Webhook['state'], readonly [text: string, tone: string]>>} */
const STATES = {
  'not-begun': ['Not begun', 'quiet'],
  waits: ['Waits', 'quiet'],
  delivers: ['Delivers', 'good'],
  failing: ['Failing', 'warn'],
  disabled: ['Disabled', 'bad'],
};

/** An endpoint. It is built once, so that what has the focus keeps it. */
export class WebhookCard {
  #name = element('h3');
  #state = element('span', 'badge');
  #about = element('p', 'about');
  #waiting = element('dd');
  #oldest = element('dd');
  #success = element('dd');
  #failure = element('dd');
  #note = element('p', 'note');
  #enable = button();
  #replay = button();
  /** @type {Webhook | null} */
  #webhook = null;

  /** @param {(text: string) => void} done gets what an operator has done */
  constructor(done) {
    this.#enable.onclick = () => this.#webhook && confirmEnabling(this.#webhook, done);
    this.#replay.onclick = () => this.#webhook && confirmReplay(this.#webhook, done);
    const facts = [
      ['Events waiting', this.#waiting],
      ['Oldest waits for', this.#oldest],
      ['Last success', this.#success],
      ['Last failure', this.#failure],
    ].map(([name = '', value = '']) => element('div', '', element('dt', '', name), value));
    this.element = element(
      'article',
      'card',
      element('header', '', this.#name, this.#state),
      this.#about,
      element('dl', 'facts', ...facts),
      this.#note,
      element('div', 'answers', this.#enable, this.#replay),
    );
  }

  /** @param {Webhook} webhook */
  show(webhook) {
    const { name, host, types, state, waiting, countsAll, oldestAt, lastSuccessAt, lastFailure } = webhook;
    this.#webhook = webhook;
    const [text, tone] = STATES[state];
    write(this.#name, name);
    write(this.#state, text);
    this.#state.dataset['tone'] = tone;
    write(this.#about, `${host} · ${types.length === 0 ? 'all events' : types.join(', ')}`);
    write(this.#waiting, countsAll ? count(waiting) : `more than ${count(waiting)}`);
    write(this.#oldest, oldestAt === null ? NONE : ago(Date.now() - Date.parse(oldestAt)));
    write(this.#success, lastSuccessAt === null ? 'never' : moment(lastSuccessAt));
    write(this.#failure, lastFailure === null ? 'never' : `${moment(lastFailure.at)}: ${lastFailure.reason}`);
    write(this.#note, noteOf(webhook));
    this.#enable.hidden = state !== 'disabled' && state !== 'failing';
    write(this.#enable, state === 'disabled' ? `Enable ${name} …` : `Try ${name} again now …`);
    write(this.#replay, `Replay events to ${name} …`);
  }
}

/** @param {Webhook} webhook */
function noteOf({ state, since, instance, failures, lastFailure }) {
  const sinceText = since === null ? '' : `since ${moment(since)}`;
  switch (state) {
    case 'not-begun':
      return 'No gateway has begun with it yet.';
    case 'waits':
      return 'No gateway delivers to it now. One will within a minute, if one runs with it in its WEBHOOKS_FILE.';
    case 'delivers':
      return `${instance} delivers to it.`;
    case 'failing': {
      const tries = failures === 1 ? '1 try has failed' : `${count(failures)} tries in a row have failed`;
      return `${tries} ${sinceText}. ${instance ?? 'A gateway'} tries again, after pauses that grow up to an hour. After a day of failures it is disabled.`;
    }
    case 'disabled':
      return `It has been disabled ${sinceText}: ${lastFailure?.reason ?? 'it failed for a day'}. It gets nothing until it is enabled; its events are kept as long as EVENTS_RETENTION says.`;
  }
}

function button() {
  const made = element('button');
  made.type = 'button';
  made.ariaHasPopup = 'dialog';
  return made;
}
