import { hasScope, SCOPES } from '../config/api-key.ts';
import type { Config } from '../config/config.ts';
import { isLocal } from '../core/address.ts';
import { type Finding, ok, warn } from './finding.ts';

const DAY_MS = 86_400_000;
/** Long enough to give a client another key. */
const SOON_MS = 14 * DAY_MS;

type Settings = Pick<Config, 'apiKeys' | 'paymentsAccess' | 'listen'>;

/** Checks who may pay, and whether API keys end soon. A file that is wrong is a wrong setting. */
export function checkKeys({ apiKeys, paymentsAccess, listen }: Settings, nowMs: number): Finding[] {
  const keys = [...apiKeys.listed, ...apiKeys.admin];
  const inForce = keys.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  const counts = SCOPES.map((scope) => `${inForce.filter((key) => hasScope(key, scope)).length} ${scope}`);
  const seen = `${inForce.length} API keys in force: ${counts.join(', ')}`;
  const ends = inForce.filter(({ expiresAtMs }) => expiresAtMs < nowMs + SOON_MS);
  return [
    ...(paymentsAccess === 'open' && !isLocal(listen)
      ? [
          warn(
            'keys',
            'PAYMENTS_ACCESS=open: every client that reaches the port may post payments',
            'make sure that something in front of it decides who may, or set API_KEYS_FILE',
          ),
        ]
      : []),
    paymentsAccess === 'token' && !inForce.some((key) => hasScope(key, 'post'))
      ? warn('keys', `${seen}, so no client can pay`, 'dinossauro keys new NAME --scopes post,read')
      : ok('keys', paymentsAccess === 'open' ? `payments need none; ${seen}` : seen),
    ...ends.map(({ name, expiresAtMs }) =>
      warn(
        'keys',
        `the key of ${name} ends at ${new Date(expiresAtMs).toISOString()}`,
        'give its client a new one before',
      ),
    ),
  ];
}
