import { hostname } from 'node:os';
import { type Environment, strayVariable, strayVariables } from '../core/environment.ts';
import { CALLS_AT_ONCE_MAX } from '../core/terms.ts';
import type { Tls } from '../core/tls.ts';
import { type ApiKey, digestOf } from './api-key.ts';
import { type KeysFileReading, readKeysFile } from './keys-file.ts';
import type { LedgerTarget } from './parsers.ts';
import { type DefinitionReading, readDefinition } from './processor-definition.ts';
import type { ProcessorTarget } from './processor-target.ts';
import {
  basicAuthorization,
  type ProcessorDefaults,
  type ProcessorsFileReading,
  readProcessorsFile,
} from './processors-file.ts';
import { readSecret, type Secret } from './secret.ts';
import { complaint, parseSetting, type Setting } from './setting.ts';
import { type FieldValues, SECRETS, SECTIONS, SETTINGS, type SettingName, type Values } from './settings.ts';
import { contradictions, isCluster, needsKeys, processorsContradictions, usesTls } from './validation.ts';
import { readWebhooksFile, type WebhookTarget } from './webhooks-file.ts';

export type { AccessMode } from './access-settings.ts';
export type { LedgerTarget } from './parsers.ts';
export type { ProcessorTarget } from './processor-target.ts';

/** `{ 'backoff.baseMs': number }` becomes `{ backoff: { baseMs: number } }`. */
type Nested<Flat> = {
  readonly [Path in keyof Flat as Path extends `${infer Group}.${string}`
    ? Group
    : Path]: Path extends `${infer Group}.${string}`
    ? { readonly [Other in keyof Flat as Other extends `${Group}.${infer Leaf}` ? Leaf : never]: Flat[Other] }
    : Flat[Path];
};

/** Every setting, deeply frozen, as the environment and its files were at the start. */
export type Config = Nested<FieldValues> &
  Readonly<ReturnType<typeof combined>> & {
    /** The files that the processors and their credentials come from. */
    readonly processorFiles: readonly string[];
    readonly webhooks: readonly WebhookTarget[];
  };

export type ConfigReading =
  | { readonly kind: 'ok'; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[]; readonly warnings: readonly string[] };

/**
 * Reads the settings and reports everything that is wrong, one line each. A variable that is absent or empty takes its
 * default; `INSTANCE_ID` defaults to `host`. `warnings` names variables that look like settings but are not read.
 */
export function readConfig(environment: Environment, host: string = hostname()): ConfigReading {
  const { read, complaints } = readSettings(environment, host);
  const problems = complaints.map(({ text }) => text);
  const file = readFile(read, environment);
  const webhooksFile = read.WEBHOOKS_FILE ? readWebhooksFile(read.WEBHOOKS_FILE, environment) : null;
  if (webhooksFile?.kind === 'wrong') problems.push(...webhooksFile.problems);
  const keysFile = read.API_KEYS_FILE ? readKeysFile(read.API_KEYS_FILE) : null;
  problems.push(...contradictions(read, environment, file));
  if (keysFile?.kind === 'wrong') problems.push(...keysFile.problems);
  const warnings = strayVariables(environment, settingNames());
  if (problems.length > 0) return { kind: 'wrong', problems, warnings };
  const values = read as Values;
  return {
    kind: 'ok',
    config: deepFreeze({
      ...nested(values),
      ...combined(values, file, keysFile),
      processorFiles: processorFiles(environment, file),
      webhooks: webhooksFile?.kind === 'ok' ? webhooksFile.webhooks : [],
    }),
    warnings,
  };
}

export type ProcessorsReading = (
  | { readonly kind: 'ok'; readonly processors: readonly ProcessorTarget[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }
) &
  Pick<Config, 'processorFiles'>;

/**
 * Reads the processors alone, as their settings and files are now, and those that operators have added behind them.
 */
export function readProcessors(environment: Environment, added: readonly unknown[] = []): ProcessorsReading {
  const { read, complaints } = readSettings(environment, '');
  const file = readFile(read, environment);
  const problems = [
    ...complaints.flatMap(({ name, text }) => (name in SECTIONS.Processors ? [text] : [])),
    ...processorsContradictions(read, file),
  ];
  const readings = added.map((definition) => addedOf(read, definition));
  const files = {
    processorFiles: [...processorFiles(environment, file), ...readings.flatMap((reading) => reading.files)],
  };
  const others: ProcessorTarget[] = [];
  for (const reading of readings)
    if (reading.kind === 'ok') others.push(reading.processor);
    else problems.push(...reading.problems);
  if (problems.length > 0) return { kind: 'wrong', problems, ...files };
  return { kind: 'ok', processors: [...processorsOf(read as Values, file), ...others], ...files };
}

/** Reads a processor that operators have added. What its definition does not say comes from the settings. */
export function readAddedProcessor(definition: unknown, environment: Environment): DefinitionReading {
  return addedOf(readSettings(environment, '').read, definition);
}

function addedOf(values: Partial<Values>, definition: unknown): DefinitionReading {
  const reading = readDefinition(definition, {
    defaults: processorDefaults(values),
    processorsFile: values.PROCESSORS_FILE ?? '',
    secretsDir: values.PROCESSOR_SECRETS_DIR ?? '',
  });
  if (reading.kind === 'wrong') return reading;
  return { ...reading, processor: withTls(reading.processor, values) };
}

interface SettingsReading {
  /** Without those that are invalid. */
  readonly read: Partial<Values>;
  readonly complaints: readonly { readonly name: string; readonly text: string }[];
}

function readSettings(environment: Environment, host: string): SettingsReading {
  const defaultInstanceId = host.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
  const complaints: { name: string; text: string }[] = [];
  const read: Record<string, unknown> = {};
  for (const [name, setting] of SETTINGS) {
    const secret = readSecretSetting(name, environment);
    if (secret.kind === 'wrong') complaints.push({ name, text: secret.problem });
    const given = secret.kind === 'ok' ? secret.text : '';
    const text = given || (name === 'INSTANCE_ID' ? defaultInstanceId : setting.default);
    read[name] = parseSetting(setting, text);
    if (read[name] === undefined) complaints.push({ name, text: complaint(name, text, setting) });
  }
  return { read: read as Partial<Values>, complaints };
}

/** The text of a setting, from its own variable or, if there is such a setting, from the file that `<name>_FILE` names. */
function readSecretSetting(name: string, environment: Environment): Secret {
  if (SECRETS.has(name)) return readSecret(name, environment);
  const text = environment[name];
  return text ? { kind: 'ok', text } : { kind: 'absent' };
}

/** What is wrong with this text for this setting, or with its name; null: nothing. */
export function settingProblem(name: string, text: string): string | null {
  const setting = SETTINGS.get(name);
  if (setting === undefined) return strayVariable(name, settingNames()) ?? `${name} is not a setting.`;
  const isValid = text === '' || parseSetting(setting, text) !== undefined;
  return isValid ? null : complaint(name, text, setting);
}

/** The names of the settings and their defaults, as texts; empty: optional. */
export function settingsList(): readonly { readonly name: string; readonly fallback: string }[] {
  return Array.from(SETTINGS, ([name, setting]) => ({ name, fallback: setting.default }));
}

function settingNames(): readonly string[] {
  return Array.from(SETTINGS.keys());
}

function nested(values: Values): Nested<FieldValues> {
  const config: Record<string, unknown> = {};
  const byName: Readonly<Record<string, unknown>> = values;
  for (const [name, { field = '' }] of SETTINGS) {
    const [group = '', leaf] = field.split('.');
    if (leaf !== undefined) config[group] = { ...(config[group] ?? {}), [leaf]: byName[name] };
    else if (group !== '') config[group] = byName[name];
  }
  return config as Nested<FieldValues>;
}

/** The fields that take more than one setting. */
function combined(values: Values, file: ProcessorsFileReading | null, keysFile: KeysFileReading | null) {
  return {
    paymentsAccess: needsKeys(values) ? ('token' as const) : ('open' as const),
    apiKeys: {
      /** Empty: there is no file. */
      file: values.API_KEYS_FILE,
      listed: keysFile?.kind === 'ok' ? keysFile.keys : [],
      /** ADMIN_TOKEN, if it is set. */
      admin: adminKeys(values),
    },
    /** Signs the sessions of browsers. Empty: none is valid. The primary thread replaces it then by a random one. */
    sessionSecret: values.ADMIN_TOKEN,
    ledger: ledgerOf(values),
    journalDir: values.JOURNAL_DIR || `./data/journal/${values.INSTANCE_ID}`,
    /** Whether the journals beside this one belong to the same deployment and are taken over when no process uses them. */
    takesOverJournals: values.JOURNAL_DIR === '',
    /** Most calls in flight that an operator may allow to a processor. The primary thread lowers it to what file descriptors allow. */
    callsMax: CALLS_AT_ONCE_MAX,
    /** The shared state numbers them in this order. */
    processors: processorsOf(values, file),
  };
}

function adminKeys({ ADMIN_TOKEN: token }: Values): readonly ApiKey[] {
  if (token === '') return [];
  return [
    { name: 'admin', scopes: ['operate'], digest: digestOf(token), expiresAtMs: Infinity, limit: null },
  ];
}

/** Enough for a cluster to grow to as many masters. */
const CLUSTER_SHARDS = 16;

function ledgerOf({
  LEDGER_URL: target,
  LEDGER_SHARDS: shardCount,
  LEDGER_CA_FILE: ca,
  LEDGER_CERT_FILE: cert,
  LEDGER_KEY_FILE: key,
  LEDGER_REPLICAS: replicas,
  LEDGER_ALLOW_UNCONFIRMED: allowsUnconfirmed,
  EVENTS: hasEvents,
  EVENTS_RETENTION: keptMs,
  EVENTS_LIMIT: keptCount,
}: Values): LedgerTarget {
  const events = hasEvents && { outbox: { keptMs, keptCount } };
  if (target.kind === 'lmdb') return { ...target, ...events };
  return {
    ...target,
    ...events,
    shardCount: shardCount || (isCluster(target.url) ? CLUSTER_SHARDS : 1),
    replicas,
    allowsUnconfirmed,
    ...(usesTls(target.url) && { tls: tlsOf(ca, cert, key) }),
  };
}

const DEFAULT_FEE_PPM = 50_000;
const FALLBACK_FEE_PPM = 150_000;

function processorsOf(values: Values, file: ProcessorsFileReading | null): readonly ProcessorTarget[] {
  return file?.kind === 'ok' ? fileProcessors(values, file) : namedProcessors(values);
}

const PROCESSOR_FILE_SETTINGS = [
  'PROCESSOR_TOKENS_FILE',
  'PROCESSOR_CA_FILE',
  'PROCESSOR_CERT_FILE',
  'PROCESSOR_KEY_FILE',
];

function processorFiles(environment: Environment, file: ProcessorsFileReading | null): readonly string[] {
  const named = PROCESSOR_FILE_SETTINGS.flatMap((name) => environment[name] || []);
  return [...(file?.files ?? []), ...named];
}

/** The environment's short form, cheapest first: every processor speaks the contract of the contest and shares the limits. */
function namedProcessors(values: Values): readonly ProcessorTarget[] {
  const { PROCESSOR_CA_FILE: ca, PROCESSOR_CERT_FILE: cert, PROCESSOR_KEY_FILE: key } = values;
  const named = [
    { name: 'default', feePpm: DEFAULT_FEE_PPM, url: values.PAYMENT_PROCESSOR_URL_DEFAULT },
    { name: 'fallback', feePpm: FALLBACK_FEE_PPM, url: values.PAYMENT_PROCESSOR_URL_FALLBACK },
  ].filter(({ url }) => url !== '');
  return (values.PROCESSORS.length > 0 ? values.PROCESSORS : named)
    .map(({ name, feePpm, url }) => ({
      name,
      url,
      ...(usesTls(url) && { tls: tlsOf(ca, cert, key) }),
      contract: { name: 'rinha', options: {}, authorization: basicAuthorization(url) },
      feePpm,
      feeFixedCents: 0,
      minAmountCents: 1,
      maxAmountCents: Number.MAX_SAFE_INTEGER,
      callLimit: values.CONCURRENCY,
      callsPerSecond: null,
      timeoutMs: values.PROCESSOR_TIMEOUT_MS,
      healthTimeoutMs: values.HEALTH_TIMEOUT_MS,
      inDoubtHoldMs: values.IN_DOUBT_HOLD_MS,
      breaker: {
        failures: values.BREAKER_FAILURES,
        baseMs: values.BREAKER_BASE_MS,
        maxMs: values.BREAKER_MAX_MS,
      },
      adminToken: values.PROCESSOR_TOKENS.find(({ processor }) => processor === name)?.token ?? '',
    }))
    .sort((one, other) => one.feePpm - other.feePpm);
}

/** The processors file, if there is one. A setting that is invalid itself counts as its default here. */
function readFile(values: Partial<Values>, environment: Environment): ProcessorsFileReading | null {
  const { PROCESSORS_FILE: path } = values;
  return path ? readProcessorsFile(path, processorDefaults(values), environment) : null;
}

function processorDefaults(values: Partial<Values>): ProcessorDefaults {
  const of = <Name extends SettingName>(name: Name): Values[Name] =>
    values[name] ??
    (parseSetting(SETTINGS.get(name) as Setting<unknown>, SETTINGS.get(name)?.default ?? '') as Values[Name]);
  return {
    callLimit: of('CONCURRENCY'),
    timeoutMs: of('PROCESSOR_TIMEOUT_MS'),
    healthTimeoutMs: of('HEALTH_TIMEOUT_MS'),
    inDoubtHoldMs: of('IN_DOUBT_HOLD_MS'),
    breaker: {
      failures: of('BREAKER_FAILURES'),
      baseMs: of('BREAKER_BASE_MS'),
      maxMs: of('BREAKER_MAX_MS'),
    },
    leaseMs: of('LEASE_MS'),
    healthIntervalMs: of('HEALTH_INTERVAL_MS'),
    poolThreadCount: of('POOL_THREADS'),
    maxAmountCents: of('MAX_AMOUNT'),
  };
}

function fileProcessors(
  values: Values,
  { processors }: Extract<ProcessorsFileReading, { kind: 'ok' }>,
): readonly ProcessorTarget[] {
  return processors.map((target) => withTls(target, values));
}

function withTls(target: ProcessorTarget, values: Partial<Values>): ProcessorTarget {
  const { PROCESSOR_CA_FILE: ca = '', PROCESSOR_CERT_FILE: cert = '', PROCESSOR_KEY_FILE: key = '' } = values;
  return { ...target, ...(usesTls(target.url) && { tls: tlsOf(ca, cert, key) }) };
}

function tlsOf(ca: string, cert: string, key: string): Tls {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
