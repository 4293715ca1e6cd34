import { ask } from './operator-api.js';

/** @import { Answer } from './operator-api.js' */

/**
 * A payment, as openapi.yaml has it.
 *
 * @typedef {object} Payment
 * @property {string} correlationId
 * @property {'accepted' | 'held' | 'dispatched' | 'settled' | 'rejected'} status
 * @property {number} [amount] missing while no instance has claimed it since it was held
 * @property {number} [conflictingAmount]
 * @property {string} acceptedAt
 * @property {string | null} processor
 * @property {string | null} requestedAt
 * @property {number} attempts
 * @property {string} [reason]
 * @property {readonly Attempt[]} [history]
 */

/** @typedef {{ readonly processor: string, readonly requestedAt: string, readonly why: string, readonly outcome: string }} Attempt */
/** @typedef {{ readonly payments: readonly Payment[], readonly next: string | null, readonly instance: { readonly name: string, readonly waiting: number } }} Page */
/** @typedef {{ readonly at: string, readonly what: string, readonly by: string, readonly why: string, readonly payments: readonly string[] }} LoggedAction */

/** @param {URLSearchParams} query @returns {Promise<Answer<Page>>} */
export function findPayments(query) {
  return ask(`payments?${query}`);
}

/** @param {string} id @returns {Promise<Answer<Payment>>} */
export function findPayment(id) {
  return ask(`payments/${encodeURIComponent(id)}`);
}

/** @returns {Promise<Answer<{ readonly actions: readonly LoggedAction[] }>>} */
export function findActions() {
  return ask('actions');
}

/**
 * @param {'send-again' | 'cancel' | 'hold' | 'release'} what
 * @param {readonly object[]} payments
 * @param {string} why
 * @returns {Promise<Answer<{ readonly results: readonly { readonly correlationId: string, readonly result: string }[] }>>}
 */
export function act(what, payments, why) {
  return ask('actions', { method: 'POST', body: JSON.stringify({ what, payments, by: 'dashboard', why }) });
}
