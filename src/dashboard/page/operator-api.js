import { byId, write } from './element.js';

/**
 * @template T
 * @typedef {{ readonly kind: 'ok', readonly value: T } | { readonly kind: 'failed', readonly why: string }} Answer
 */

const HIDDEN =
  'This gateway shows this page to operators only. Set OPERATOR_ACCESS=loopback to use it from its own machine, or DASHBOARD_ACCESS=token to sign in.';

/** Shows above everything what is wrong; empty: nothing. @param {string} why */
export function showFailure(why) {
  write(byId('failure'), why);
}

/** Asks the gateway, as an operator. @param {string} path @param {RequestInit} [init] @returns {Promise<Answer<any>>} */
export async function ask(path, init) {
  const response = await fetch(`/dashboard/api/${path}`, init).catch(() => null);
  if (response === null) return { kind: 'failed', why: 'The gateway does not answer.' };
  const value = await response.json().catch(() => null);
  if (response.ok && value !== null) return { kind: 'ok', value };
  // The session has expired: the page asks to sign in.
  if (response.status === 401) location.reload();
  if (value?.type === '/errors#no-such-route') return { kind: 'failed', why: HIDDEN };
  return { kind: 'failed', why: value?.detail ?? `The gateway answered ${response.status}.` };
}
