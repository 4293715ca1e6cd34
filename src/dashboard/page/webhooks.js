import { byId, element, write } from './element.js';
import { term } from './help.js';
import { showFailure } from './operator-api.js';
import { startShell } from './shell.js';
import { findWebhooks } from './webhook-api.js';
import { WebhookCard } from './webhook-card.js';

/** @import { Webhook } from './webhook-api.js' */

const LOOK_EVERY_MS = 5000;
const EXAMPLE = `webhooks:
  - name: shop
    url: https://shop.example/hooks/payments
    secrets: [SHOP_WEBHOOK_SECRET]`;

const WORDS_NOTE = [
  'One instance at a time posts the ',
  term('Event', 'events'),
  ' of an endpoint. It is ',
  term('Disabled', 'disabled'),
  ' after a day of failures. A ',
  term('Replay', 'replay'),
  ' posts what it may have missed.',
];

/** The page of webhooks. It is read every few seconds while it is looked at. */
class Webhooks {
  /** @type {Map<string, WebhookCard>} */
  #cards = new Map();

  start() {
    startShell();
    byId('words').replaceChildren(...WORDS_NOTE);
    document.addEventListener('visibilitychange', () => void this.#look());
    setInterval(() => void this.#look(), LOOK_EVERY_MS);
    void this.#look();
  }

  async #look() {
    if (document.hidden) return;
    const answer = await findWebhooks();
    showFailure(answer.kind === 'failed' ? answer.why : '');
    byId('endpoints').classList.toggle('stale', answer.kind === 'failed');
    if (answer.kind === 'ok') this.#show(answer.value.events, answer.value.webhooks);
    else if (this.#cards.size === 0) byId('endpoints').replaceChildren();
  }

  /** @param {boolean} hasEvents @param {readonly Webhook[]} webhooks */
  #show(hasEvents, webhooks) {
    const names = webhooks.map(({ name }) => name);
    if (names.length === 0 || names.join() !== [...this.#cards.keys()].join()) {
      this.#cards = new Map(names.map((name) => [name, new WebhookCard(this.#done)]));
      const cards = [...this.#cards.values()].map((card) => card.element);
      byId('endpoints').replaceChildren(...(cards.length === 0 ? [empty(hasEvents)] : cards));
    }
    for (const webhook of webhooks) this.#cards.get(webhook.name)?.show(webhook);
  }

  /** @param {string} text */
  #done = (text) => {
    write(byId('outcome'), text);
    byId('outcome').dataset['tone'] = 'good';
    void this.#look();
  };
}

/** @param {boolean} hasEvents */
function empty(hasEvents) {
  const what = hasEvents
    ? 'There are no webhooks: WEBHOOKS_FILE is not set, or lists none.'
    : 'There are no webhooks: this gateway keeps no events (EVENTS is not set).';
  const todo = hasEvents
    ? 'Write a file like this one, set WEBHOOKS_FILE to its path at all instances, and restart them one after another.'
    : 'Set EVENTS=true, and WEBHOOKS_FILE to the path of a file like this one, at all instances, and restart them one after another.';
  return element(
    'div',
    'empty',
    element('p', '', what),
    element('p', '', todo),
    element('pre', '', EXAMPLE),
    element('p', '', 'dinossauro webhooks secret prints a secret. Read on: docs/webhooks.md.'),
  );
}

new Webhooks().start();
