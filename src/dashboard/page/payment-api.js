import { byId, write } from './element.js';

/**
 * @template T
 * @typedef {{ readonly kind: 'ok', readonly value: T } | { readonly kind: 'failed', readonly why: string }} Answer
 */

/**
 * A payment, as openapi.yaml has it.
 *
 * @typedef {object} Payment
 * @property {string} correlationId
 * @property {'accepted' | 'dispatched' | 'settled' | 'rejected'} status
 * @property {number} amount
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
/** @typedef {{ readonly at: string, readonly what: string, readonly who: string, readonly why: string, readonly payments: readonly string[] }} LoggedAction */

const HIDDEN =
  'This gateway shows payments to operators only. Set OPERATOR_ACCESS=loopback to use them from its own machine, or DASHBOARD_ACCESS=token to sign in.';

/** Shows above everything what is wrong; empty: nothing. @param {string} why */
export function showFailure(why) {
  write(byId('failure'), why);
}

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
 * @param {'send-again' | 'cancel'} what
 * @param {readonly object[]} payments
 * @param {string} why
 * @returns {Promise<Answer<{ readonly results: readonly { readonly correlationId: string, readonly result: string }[] }>>}
 */
export function act(what, payments, why) {
  return ask('actions', { method: 'POST', body: JSON.stringify({ what, payments, who: 'dashboard', why }) });
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Answer<any>>} */
async function ask(path, init) {
  const response = await fetch(`/dashboard/api/${path}`, init).catch(() => null);
  if (response === null) return { kind: 'failed', why: 'The gateway does not answer.' };
  const value = await response.json().catch(() => null);
  if (response.ok && value !== null) return { kind: 'ok', value };
  // The session has expired: the page asks to sign in.
  if (response.status === 401) location.reload();
  if (value?.type === '/errors#no-such-route') return { kind: 'failed', why: HIDDEN };
  return { kind: 'failed', why: value?.detail ?? `The gateway answered ${response.status}.` };
}
