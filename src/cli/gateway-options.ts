import { userInfo } from 'node:os';
import { checked, option } from './command.ts';

const isHttpUrl = (text: string) => /^https?:\/\//.test(text) && URL.canParse(text);

export const httpUrl = checked((text) => (isHttpUrl(text) ? null : 'Expected an http or https URL.'));

/** Where a gateway listens unless LISTEN says otherwise. */
export const GATEWAY_URL = 'http://127.0.0.1:9999';
export const URL_OPTION = option('--url <url>', `the gateway; default: ${GATEWAY_URL}`).argParser(httpUrl);
export const TOKEN_OPTION = option(
  '--token <text>',
  "the gateway's token; default: ADMIN_TOKEN from the environment",
);

export function tokenOf(token: string | undefined): string {
  return token ?? process.env['ADMIN_TOKEN'] ?? '';
}

/** Who asks, for the logs. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // The user has no name on this system, as in many containers.
    return '';
  }
}
