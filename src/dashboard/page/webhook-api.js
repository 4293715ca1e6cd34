import { ask } from './operator-api.js';

/** @import { Answer } from './operator-api.js' */

/**
 * An endpoint, as openapi.yaml has it.
 *
 * @typedef {object} Webhook
 * @property {string} name
 * @property {string} host
 * @property {readonly string[]} types
 * @property {'not-begun' | 'waits' | 'delivers' | 'failing' | 'disabled'} state
 * @property {string | null} since
 * @property {string | null} instance
 * @property {number} waiting
 * @property {boolean} countsAll
 * @property {string | null} oldestAt
 * @property {string | null} lastSuccessAt
 * @property {number} failures
 * @property {{ readonly at: string, readonly reason: string } | null} lastFailure
 */

/** @returns {Promise<Answer<{ readonly events: boolean, readonly webhooks: readonly Webhook[] }>>} */
export function findWebhooks() {
  return ask('webhooks');
}

/** @param {string} name @param {object} change @param {string} reason @returns {Promise<Answer<Webhook>>} */
export function changeWebhook(name, change, reason) {
  const body = JSON.stringify({ ...change, by: 'dashboard', why: reason });
  return ask(`webhooks/${name}`, { method: 'PATCH', body });
}
