import { formatAddress, isLocal } from '../core/address.ts';
import type { Environment } from '../core/environment.ts';
import { isKeyOf } from '../core/tls.ts';
import type { ProcessorsFileReading } from './processors-file.ts';
import { alternatives, masked } from './setting.ts';
import type { Values } from './settings.ts';

/** Settings that are valid alone but not together, one line each. Settings that are invalid alone are absent here. */
export function contradictions(
  values: Partial<Values>,
  environment: Environment,
  file: ProcessorsFileReading | null,
): string[] {
  return [
    ...limitContradictions(values),
    ...holdContradictions(values),
    ...ledgerTlsContradictions(values),
    ...redisContradictions(values),
    ...processorsContradictions(values, file),
    ...accessContradictions(values, environment),
    ...eventContradictions(values),
  ];
}

/** Those among them that are about processors. */
export function processorsContradictions(
  values: Partial<Values>,
  file: ProcessorsFileReading | null,
): string[] {
  return [
    ...processorTlsContradictions(values, file),
    ...(file === null ? processorContradictions(values) : fileContradictions(values, file)),
    ...(file === null ? tokenContradictions(values) : []),
  ];
}

function eventContradictions({ EVENTS: hasEvents, WEBHOOKS_FILE: file }: Partial<Values>): string[] {
  if (!file || hasEvents === true) return [];
  return ['WEBHOOKS_FILE would not be used: expected EVENTS=true.'];
}

const AT_MOST = [
  ['BACKOFF_BASE_MS', 'BACKOFF_MAX_MS'],
  ['BREAKER_BASE_MS', 'BREAKER_MAX_MS'],
  ['HEALTH_TIMEOUT_MS', 'HEALTH_INTERVAL_MS'],
  ['POOL_THREADS', 'CONCURRENCY'],
] as const;

function limitContradictions(values: Partial<Values>): string[] {
  return AT_MOST.flatMap(([lesser, greater]) => {
    const [low, high] = [values[lesser], values[greater]];
    if (low === undefined || high === undefined || low <= high) return [];
    return [`${lesser}=${low} is invalid: expected at most ${greater}, which is ${high}.`];
  });
}

function holdContradictions({
  IN_DOUBT_HOLD_MS: holdMs,
  PROCESSOR_TIMEOUT_MS: timeoutMs,
  LEASE_MS: leaseMs,
}: Partial<Values>): string[] {
  if (holdMs === undefined || timeoutMs === undefined || leaseMs === undefined) return [];
  const leastMs = timeoutMs + leaseMs;
  if (holdMs >= leastMs) return [];
  return [
    `IN_DOUBT_HOLD_MS=${holdMs} is invalid: expected at least PROCESSOR_TIMEOUT_MS + LEASE_MS, which is ${leastMs}.`,
  ];
}

function ledgerTlsContradictions(values: Partial<Values>): string[] {
  const { LEDGER_URL: ledger } = values;
  if (ledger === undefined) return [];
  const urls = ledger.kind === 'redis' ? [ledger.url] : [];
  return tlsContradictions('LEDGER', 'LEDGER_URL to begin with `rediss://`', urls, values);
}

/** A setting that would not be used is a mistake. */
function redisContradictions({
  LEDGER_URL: ledger,
  LEDGER_SHARDS: shardCount = 0,
  LEDGER_REPLICAS: replicas = 0,
  LEDGER_ALLOW_UNCONFIRMED: allowsUnconfirmed = false,
}: Partial<Values>): string[] {
  if (ledger?.kind === 'lmdb') {
    const set = [
      ...(shardCount > 0 ? ['LEDGER_SHARDS'] : []),
      ...(replicas > 0 ? ['LEDGER_REPLICAS'] : []),
      ...(allowsUnconfirmed ? ['LEDGER_ALLOW_UNCONFIRMED'] : []),
    ];
    return set.length > 0 ? [`${set.join(', ')} would not be used: expected LEDGER_URL to be a Redis.`] : [];
  }
  if (replicas === 0 || !allowsUnconfirmed) return [];
  return ['LEDGER_ALLOW_UNCONFIRMED would not be used: LEDGER_REPLICAS confirms each write.'];
}

function processorTlsContradictions(values: Partial<Values>, file: ProcessorsFileReading | null): string[] {
  if (file?.kind === 'wrong') return [];
  const urls = [
    values.PAYMENT_PROCESSOR_URL_DEFAULT,
    values.PAYMENT_PROCESSOR_URL_FALLBACK,
    ...(values.PROCESSORS ?? []).map(({ url }) => url),
    ...(file?.processors ?? []).map(({ url }) => url),
  ];
  return tlsContradictions('PROCESSOR', 'a processor URL that begins with `https://`', urls, values);
}

/** A certificate that is set and would not be used is a mistake. */
function tlsContradictions(
  side: 'LEDGER' | 'PROCESSOR',
  wanted: string,
  urls: readonly (string | undefined)[],
  values: Partial<Values>,
): string[] {
  const [caName, certName, keyName] = [`${side}_CA_FILE`, `${side}_CERT_FILE`, `${side}_KEY_FILE`] as const;
  const { [caName]: ca, [certName]: cert, [keyName]: key } = values;
  if (ca === undefined || cert === undefined || key === undefined) return [];
  const set = [caName, certName, keyName].filter((name) => values[name] !== '');
  if (set.length > 0 && !urls.some((url) => url !== undefined && usesTls(url))) {
    return [`${set.join(', ')} would not be used: expected ${wanted}.`];
  }
  if ((cert === '') !== (key === '')) return [`${certName} and ${keyName} must be set together.`];
  if (cert !== '' && !isKeyOf(key, cert)) return [`${keyName} is not the key of ${certName}.`];
  return [];
}

export function isCluster(url: string): boolean {
  return /^rediss?-cluster:/.test(url);
}

export function usesTls(url: string): boolean {
  return /^(https|rediss(-\w+)?):/.test(url);
}

const NAMED_PROCESSORS = [
  ['PAYMENT_PROCESSOR_URL_DEFAULT', 'default'],
  ['PAYMENT_PROCESSOR_URL_FALLBACK', 'fallback'],
] as const;

function processorContradictions(values: Partial<Values>): string[] {
  const { PROCESSORS: listed } = values;
  if (listed === undefined) return [];
  if (listed.length === 0) {
    if (NAMED_PROCESSORS.some(([setting]) => values[setting] !== '')) return [];
    return [
      'No processor: set PAYMENT_PROCESSOR_URL_DEFAULT, PAYMENT_PROCESSOR_URL_FALLBACK, PROCESSORS, or PROCESSORS_FILE.',
    ];
  }
  return NAMED_PROCESSORS.flatMap(([setting, name]) => {
    const url = values[setting];
    if (!url || listed.some((processor) => processor.name === name && processor.url === url)) return [];
    return [
      `${setting}=${masked(url)} contradicts PROCESSORS: unset it, or give \`${name}\` the same URL in PROCESSORS.`,
    ];
  });
}

/** What is wrong in the file, and settings whose place it takes. */
function fileContradictions(values: Partial<Values>, file: ProcessorsFileReading): string[] {
  const { PROCESSORS: listed = [], PROCESSOR_TOKENS: tokens = [] } = values;
  const replaced = [
    ...NAMED_PROCESSORS.flatMap(([setting]) => (values[setting] ? [setting] : [])),
    ...(listed.length > 0 ? ['PROCESSORS'] : []),
  ];
  return [
    ...(file.kind === 'wrong' ? file.problems : []),
    ...replaced.map((name) => `${name} contradicts PROCESSORS_FILE: unset one of them.`),
    ...(tokens.length > 0
      ? [
          'PROCESSOR_TOKENS contradicts PROCESSORS_FILE: name the variable of each token there, as `adminToken`.',
        ]
      : []),
  ];
}

/** A token for a processor that does not exist was meant for one that does. */
function tokenContradictions(values: Partial<Values>): string[] {
  const { PROCESSORS: listed, PROCESSOR_TOKENS: tokens } = values;
  if (listed === undefined || tokens === undefined) return [];
  const named = NAMED_PROCESSORS.flatMap(([setting, name]) => (values[setting] === '' ? [] : [name]));
  const names: readonly string[] = listed.length > 0 ? listed.map(({ name }) => name) : named;
  if (names.length === 0) return [];
  return tokens
    .filter(({ processor }) => !names.includes(processor))
    .map(
      ({ processor }) =>
        `PROCESSOR_TOKENS=*** is invalid: there is no processor \`${processor}\`; expected ${alternatives(names)}.`,
    );
}

/** Asking for a key where there is none is a mistake. The default of AUDIT_ACCESS, which refuses everyone, is not. */
function accessContradictions(values: Partial<Values>, environment: Environment): string[] {
  const { ADMIN_TOKEN: token, API_KEYS_FILE: keysFile, LISTEN: listen, PAYMENTS_ACCESS: payments } = values;
  const operators = (['METRICS_ACCESS', 'DASHBOARD_ACCESS', 'AUDIT_ACCESS', 'OPERATOR_ACCESS'] as const)
    .filter((name) => environment[name] === 'token' && token === '' && keysFile === '')
    .map((name) => `${name}=token needs ADMIN_TOKEN or API_KEYS_FILE: set one, or choose another access.`);
  if (keysFile !== '' || listen === undefined || payments === undefined || payments === 'open')
    return operators;
  if (payments === 'token')
    return [...operators, 'PAYMENTS_ACCESS=token needs API_KEYS_FILE: set it, or choose another access.'];
  if (isLocal(listen)) return operators;
  return [
    ...operators,
    `LISTEN=${formatAddress(listen)} is open to other machines: set API_KEYS_FILE, for which \`dinossauro keys new\` makes keys, or PAYMENTS_ACCESS=open, if something else decides who may pay.`,
  ];
}

/** Whether payments need an API key. */
export function needsKeys({
  PAYMENTS_ACCESS: access,
  API_KEYS_FILE: keysFile,
  LISTEN: listen,
}: Values): boolean {
  return access === 'token' || (access === 'auto' && (keysFile !== '' || !isLocal(listen)));
}
