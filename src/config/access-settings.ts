import { parsePath, pathFault } from './parsers.ts';
import { oneOf, secretFile, setting } from './setting.ts';

/** The settings that say who may use which route. */

const ACCESS_MODES = ['off', 'loopback', 'token', 'open'] as const;
/** Who may use a route; see `src/http/access.ts`. */
export type AccessMode = (typeof ACCESS_MODES)[number];

export const ACCESS = {
  API_KEYS_FILE: setting({
    unit: 'path',
    expected: 'a path',
    about:
      'A file with API keys, one a line, as `dinossauro keys new` prints them ([keys.md](keys.md)). It is read again when it changes.',
    parse: parsePath,
    faultOf: pathFault,
  }),
  PAYMENTS_ACCESS: oneOf({
    values: ['auto', 'token', 'open'],
    default: 'auto',
    about:
      'Whether payments need an API key: `POST /payments`, their look-ups, the summary and the purge. `auto`: they do if `API_KEYS_FILE` is set or `LISTEN` is open to other machines.',
  }),
  ADMIN_TOKEN: setting({
    unit: 'text',
    expected: '16 to 256 visible ASCII characters',
    about: 'An API key named `admin` with the scope `operate`, which is not in a file.',
    secret: 'whole',
    parse: (text) => (/^([\x21-\x7e]{16,256})?$/.test(text) ? text : undefined),
  }),
  ADMIN_TOKEN_FILE: secretFile('ADMIN_TOKEN'),
  METRICS_ACCESS: oneOf({
    field: 'access.metrics',
    values: ACCESS_MODES,
    default: 'loopback',
    about:
      'Who may read `GET /metrics`: no one, clients on this machine, clients with an API key for `operate`, or everyone.',
  }),
  DASHBOARD_ACCESS: oneOf({
    field: 'access.dashboard',
    values: ACCESS_MODES,
    default: 'loopback',
    about: 'The same for `GET /dashboard`.',
  }),
  AUDIT_ACCESS: oneOf({
    field: 'access.audit',
    values: ACCESS_MODES,
    default: 'token',
    about: 'The same for `GET /audit`. While there is no such key, `token` refuses everyone.',
  }),
  OPERATOR_ACCESS: oneOf({
    field: 'access.operator',
    values: ACCESS_MODES,
    default: 'token',
    about:
      'The same for what operators list and change: `GET /payments`, `GET /actions`, `POST /actions`, `GET /processors`, `PATCH /processors/{name}`, `GET /webhooks` and `PATCH /webhooks/{name}`, also from the dashboard. And for `GET /events`, where a key for `read` is enough.',
  }),
};
