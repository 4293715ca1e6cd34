import { hostname } from 'node:os';
import { parseAddress } from '../core/address.ts';
import { type Environment, shownValue, strayVariable, strayVariables } from '../core/environment.ts';
import { isKeyOf, readCertificates, readPrivateKey, type Tls } from '../core/tls.ts';

/**
 * Every setting of a gateway: one declarative table, read once from the environment handed in.
 *
 * A variable that is absent or empty takes its default. One reading finds everything that is wrong and says it in one
 * line each: the setting, its value (credentials masked) and what was expected.
 */

/** How one setting is read, and what the README says of it. `parse` gives undefined for what is not allowed. */
interface Setting<Value> {
  readonly unit: string;
  /** The text that an absent variable stands for; empty when `parse` makes something of nothing. */
  readonly fallback: string;
  readonly allowed: string;
  readonly about: string;
  /** The value may hold credentials in a URL, or is a secret as a whole. */
  readonly secret?: 'credentials' | 'whole';
  parse(text: string): Value | undefined;
  /** More about a text that is not allowed than `is invalid`, such as which part of it; undefined when there is none. */
  faultOf?(text: string): string | undefined;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const ACCESS_MODES = ['off', 'loopback', 'token', 'open'] as const;
/** Who may use an operator's route; see `src/http/access.ts`. */
export type AccessMode = (typeof ACCESS_MODES)[number];

/** Which ledger: a directory of LMDB's, or a Redis, by a URL as its driver takes it (`redis:`, `rediss:`, `unix:`). */
export type LedgerTarget =
  | { readonly kind: 'lmdb'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string; readonly tls?: Tls };

/** A processor as it was configured. The fee is in parts per million of the amount. */
export interface ProcessorTarget {
  readonly name: string;
  readonly feePpm: number;
  /** http or https, without a slash at its end; may hold credentials. */
  readonly url: string;
  readonly tls?: Tls;
}

const DEFAULT_FEE_PPM = 50_000;
const FALLBACK_FEE_PPM = 150_000;
const PROCESSORS_MAX = 16;

/** What a processor wants its administrators to show. */
export interface ProcessorToken {
  readonly processor: string;
  readonly token: string;
}

const SETTINGS = {
  LISTEN: custom((text) => parseAddress(text) ?? undefined, {
    unit: 'address',
    fallback: '127.0.0.1:9999',
    allowed: '`host:port` or `unix:/path`',
    about: 'Where the gateway listens. Other machines reach it only when this says so (`0.0.0.0:9999`).',
  }),
  LEDGER_URL: custom(parseLedger, {
    unit: 'URL',
    fallback: 'lmdb:./data/ledger',
    allowed: '`lmdb:path`, `redis://[user:password@]host[:port][/db]`, `rediss://…` or `redis+unix:/path`',
    about: 'The books. LMDB serves the instances of one machine, Redis those of many.',
    secret: 'credentials',
    faultOf: ledgerFault,
  }),
  LEDGER_CA_FILE: certificates(
    'Authorities that the certificate of a Redis by `rediss://` is checked against; none given: those of Node.',
  ),
  LEDGER_CERT_FILE: certificates(
    'The certificate that is shown to such a Redis, with those that lead to its authority.',
  ),
  LEDGER_KEY_FILE: privateKey('The private key of `LEDGER_CERT_FILE`.'),
  INSTANCE_ID: custom((text) => (/^(?!\.+$)[A-Za-z0-9._-]{1,64}$/.test(text) ? text : undefined), {
    unit: 'name',
    fallback: '',
    allowed: '1 to 64 of `A-Z a-z 0-9 . _ -`, not dots alone',
    about: 'Name of this instance, the same after a restart; none given: the host name.',
  }),
  JOURNAL_DIR: custom((text) => (pathFault(text) === undefined ? text : undefined), {
    unit: 'path',
    fallback: '',
    allowed: 'a path',
    faultOf: pathFault,
    about:
      'Directory of the journal, of this instance alone; none given: `./data/journal/<INSTANCE_ID>`, and journals beside it that no process uses are taken over at start.',
  }),
  JOURNAL_SEGMENTS: whole(
    'segments',
    64,
    2,
    1024,
    'Size limit of the journal: segments of 16,384 payments (1 MiB).',
  ),
  ACCEPT_DURABILITY: oneOf(
    ['journal', 'fsync', 'ledger'],
    'journal',
    'What a 202 waits for: the journal written (survives `kill -9`), flushed (survives power loss), or the ledger (survives the machine).',
  ),
  PAYMENT_PROCESSOR_URL_DEFAULT: custom((text) => text && parseUrl(text), {
    unit: 'URL',
    fallback: '',
    allowed: 'an http or https URL without query',
    about: 'URL of the processor `default`, fee 0.05.',
    secret: 'credentials',
  }),
  PAYMENT_PROCESSOR_URL_FALLBACK: custom((text) => text && parseUrl(text), {
    unit: 'URL',
    fallback: '',
    allowed: 'an http or https URL without query',
    about: 'URL of the processor `fallback`, fee 0.15.',
    secret: 'credentials',
  }),
  PROCESSORS: custom(parseProcessors, {
    unit: 'list',
    fallback: '',
    allowed: `1 to ${PROCESSORS_MAX} of \`name:fee:url\`, comma-separated, each name once (1 to 32 of \`a-z 0-9 -\`), fee a decimal from 0 to 1 of at most 6 places`,
    about: 'Any processors, instead of the two URLs above.',
    secret: 'credentials',
    faultOf: processorsFault,
  }),
  PROCESSOR_CA_FILE: certificates(
    'Authorities that the certificates of processors by `https://` are checked against; none given: those of Node.',
  ),
  PROCESSOR_CERT_FILE: certificates(
    'The certificate that is shown to such processors, with those that lead to its authority.',
  ),
  PROCESSOR_KEY_FILE: privateKey('The private key of `PROCESSOR_CERT_FILE`.'),
  HTTP_THREADS: whole('threads', 1, 1, 16, 'Threads that answer HTTP; above 1 they share the port.'),
  POOL_THREADS: whole('threads', 1, 1, 16, 'Threads that call processors and write the ledger.'),
  MAX_CONNECTIONS: whole(
    'connections',
    4096,
    1,
    1_048_576,
    'Connections of clients that may be open at once, at most half of what `ulimit -n` leaves; one more is closed at once.',
  ),
  QUEUE_CAPACITY: custom(
    (text) => {
      const slots = parseWhole(text, 1024, 1_048_576);
      return slots !== undefined && Number.isInteger(Math.log2(slots)) ? slots : undefined;
    },
    {
      unit: 'payments',
      fallback: '65536',
      allowed: 'a power of two from 1024 to 1048576',
      about: 'Accepted payments that may wait for a pool thread; when full, posts are answered 503.',
    },
  ),
  IN_FLIGHT_LIMIT: whole('payments', 4096, 64, 65_536, 'Payments that one pool thread holds at once.'),
  CONCURRENCY: whole(
    'calls',
    400,
    1,
    1024,
    'Calls to processors in flight, over all threads of the instance.',
  ),
  DRAIN_RATE: whole(
    'payments/s',
    1000,
    1,
    100_000,
    'What an instance aims at while a backlog drains: calls in flight adapt to it.',
  ),
  PROCESSOR_TIMEOUT_MS: whole(
    'ms',
    15_000,
    100,
    120_000,
    'Wait for the answer to one call; hanging up makes doubt.',
  ),
  IN_DOUBT_HOLD_MS: whole(
    'ms',
    30_000,
    1200,
    600_000,
    'How long a payment of unknown outcome stays with its processor before a 404 there frees it; at least `PROCESSOR_TIMEOUT_MS` + `LEASE_MS`.',
  ),
  LEASE_MS: whole(
    'ms',
    5000,
    1000,
    60_000,
    'Silence after which other instances take over what this one held.',
  ),
  FAILOVER_DELAY_MS: whole(
    'ms',
    2000,
    0,
    600_000,
    'How long a payment waits for a cheaper processor that fails before a dearer one takes it.',
  ),
  LATENCY_BUDGET_MS: whole(
    'ms',
    1250,
    1,
    60_000,
    'A slower processor gets no payments while another can take them.',
  ),
  BACKOFF_BASE_MS: whole(
    'ms',
    50,
    1,
    60_000,
    'First wait before a retry, doubled each time, with full jitter.',
  ),
  BACKOFF_MAX_MS: whole('ms', 2000, 1, 600_000, 'Longest wait before a retry.'),
  BREAKER_FAILURES: whole('calls', 3, 1, 100, 'Failures in a row that open the breaker of a processor.'),
  BREAKER_BASE_MS: whole(
    'ms',
    250,
    1,
    60_000,
    'First wait of an open breaker before it probes, doubled each time.',
  ),
  BREAKER_MAX_MS: whole('ms', 5000, 1, 600_000, 'Longest wait of an open breaker before it probes.'),
  HEALTH_INTERVAL_MS: whole(
    'ms',
    5100,
    5000,
    600_000,
    'Between health calls to a processor, over the deployment.',
  ),
  HEALTH_TIMEOUT_MS: whole('ms', 1500, 100, 60_000, 'Wait for the answer to a health call.'),
  BATCH_WINDOW_MS: whole('ms', 50, 0, 1000, 'How long a pool thread gathers payments before it claims them.'),
  BATCH_LIMIT: whole('payments', 256, 1, 4096, 'Payments in one commit to the ledger.'),
  BODY_LIMIT_BYTES: whole('bytes', 1024, 128, 65_536, 'Longest request body; a longer one is answered 413.'),
  MAX_AMOUNT: custom(parseAmount, {
    unit: 'decimal',
    fallback: '1000000000.00',
    allowed: 'a decimal of at most two places from 0.01 to 90071992547409.91',
    about: 'Greatest amount of one payment.',
  }),
  WARM_UP_PAYMENTS: whole(
    'payments',
    3000,
    0,
    100_000,
    'Payments that each thread plays to itself before it is ready, so that its code is compiled; none after a crash.',
  ),
  STOP_TIMEOUT_MS: whole('ms', 10_000, 0, 600_000, 'How long a stop waits for calls in flight.'),
  ALLOW_PURGE: oneOf(['false', 'true'], 'false', 'Whether `POST /purge-payments` may empty the books.'),
  ADMIN_TOKEN: custom((text) => (/^([\x21-\x7e]{16,256})?$/.test(text) ? text : undefined), {
    unit: 'text',
    fallback: '',
    allowed: '16 to 256 visible ASCII characters',
    about: 'What `Authorization: Bearer` has to show where an access setting says `token`.',
    secret: 'whole',
  }),
  METRICS_ACCESS: oneOf(
    ACCESS_MODES,
    'loopback',
    'Who may read `GET /metrics`: nobody, clients on this machine, who has `ADMIN_TOKEN`, or everybody.',
  ),
  DASHBOARD_ACCESS: oneOf(ACCESS_MODES, 'loopback', 'Who may use `GET /dashboard`; likewise.'),
  DASHBOARD_VIEWERS: whole(
    'viewers',
    16,
    1,
    1000,
    'Browsers that may watch the dashboard at once, for each HTTP thread.',
  ),
  DASHBOARD_LAB: custom(parseLab, {
    unit: 'URL',
    fallback: '',
    allowed: '`http://127.0.0.1:port/#token`',
    about: 'Where the dashboard finds the control of simulated processors; `npm start` sets it.',
    secret: 'whole',
  }),
  AUDIT_ACCESS: oneOf(
    ACCESS_MODES,
    'token',
    'Who may use `GET /audit`; likewise. Without `ADMIN_TOKEN`, `token` lets nobody pass.',
  ),
  OTLP_URL: custom((text) => text && parseUrl(text), {
    unit: 'URL',
    fallback: '',
    allowed: 'an http or https URL without query',
    about:
      'OpenTelemetry collector that is told of sampled traces (OTLP over HTTP in JSON, at `/v1/traces` below it); none given: nobody is.',
    secret: 'credentials',
  }),
  OTLP_QUEUE: whole(
    'spans',
    2048,
    64,
    65_536,
    'Spans that wait for the collector, in each thread; more are dropped.',
  ),
  OTLP_INTERVAL_MS: whole(
    'ms',
    1000,
    10,
    60_000,
    'How long spans are gathered before they are sent to the collector.',
  ),
  OTLP_TIMEOUT_MS: whole('ms', 5000, 100, 60_000, 'Wait for the answer of the collector.'),
  TRACE_RATIO: custom(parseRatio, {
    unit: 'share',
    fallback: '0',
    allowed: 'a decimal from 0 to 1',
    about: 'Of the posts without `traceparent`, the share that begin a sampled trace; with `OTLP_URL` only.',
  }),
  AUDIT_RATE: whole('calls/s', 100, 1, 1000, 'Calls that an audit makes to processors, over all of them.'),
  AUDIT_LIMIT: whole(
    'payments',
    5000,
    1,
    100_000,
    'Payments that one audit looks up at processors; it says when there are more.',
  ),
  PROCESSOR_TOKENS: custom(parseTokens, {
    unit: 'list',
    fallback: '',
    allowed: '`name=token`, comma-separated, each name once, 1 to 200 visible ASCII characters without comma',
    about: 'What the processors want their administrators to show; an audit reads their totals with it.',
    secret: 'whole',
    faultOf: tokensFault,
  }),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info', 'Least severity that is logged.'),
};

const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

type Name = keyof typeof SETTINGS;
type Values = { [N in Name]: (typeof SETTINGS)[N] extends Setting<infer Value> ? Value : never };

/** Every setting, deeply frozen. Processors come cheapest first, and as listed where fees are equal. */
export type Config = ReturnType<typeof arrange>;

export type ConfigReading =
  | { readonly kind: 'ok'; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[]; readonly warnings: readonly string[] };

/**
 * Reads the settings; `host` names the instance when no `INSTANCE_ID` does. `warnings` names variables that look as if
 * they were meant for us and are not read.
 */
export function readConfig(environment: Environment, host: string = hostname()): ConfigReading {
  const problems: string[] = [];
  const read: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const text = environment[name] || fallbackOf(name, setting, host);
    read[name] = isQuoted(text) ? undefined : setting.parse(text);
    if (read[name] === undefined) {
      problems.push(complaint(name, text, setting));
    }
  }
  const values = read as Partial<Values>;
  problems.push(...contradictions(values), ...tokenContradictions(values, environment));
  const warnings = strayVariables(environment, SETTING_NAMES);
  if (problems.length > 0) return { kind: 'wrong', problems, warnings };
  return { kind: 'ok', config: deepFreeze(arrange(values as Values)), warnings };
}

/** What is wrong with a text for the setting of this name, or with the name; null: nothing. */
export function settingProblem(name: string, text: string): string | null {
  const setting = Object.entries<Setting<unknown>>(SETTINGS).find(([known]) => known === name)?.[1];
  if (setting === undefined) return strayVariable(name, SETTING_NAMES) ?? `${name} is not a setting.`;
  const isValid = text === '' || (!isQuoted(text) && setting.parse(text) !== undefined);
  return isValid ? null : complaint(name, text, setting);
}

/** The names of the settings and the texts that they default to, empty where there is none. */
export function settingsList(): readonly { readonly name: string; readonly fallback: string }[] {
  return Object.entries(SETTINGS).map(([name, { fallback }]) => ({ name, fallback }));
}

/** The settings as a Markdown table, for the README. */
export function settingsTable(): string {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(
    ([name, { unit, fallback, allowed, about }]) =>
      `| \`${name}\` | ${unit} | ${fallback === '' ? '' : `\`${fallback}\``} | ${allowed} | ${about} |`,
  );
  return ['| setting | unit | default | allowed | what it does |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}

/** Values as the rest of the gateway reads them: its words, and units in the names. */
function arrange(values: Values) {
  return {
    listen: values.LISTEN,
    ledger: ledgerOf(values),
    instanceId: values.INSTANCE_ID,
    journalDir: values.JOURNAL_DIR || `./data/journal/${values.INSTANCE_ID}`,
    /** Whether the journals beside this one are of the same deployment, and taken over when no process uses them. */
    takesOverJournals: values.JOURNAL_DIR === '',
    journalSegmentCount: values.JOURNAL_SEGMENTS,
    acceptDurability: values.ACCEPT_DURABILITY,
    processors: processorsOf(values)
      .map((processor) => withTls(processor, values))
      .sort((one, other) => one.feePpm - other.feePpm),
    httpThreadCount: values.HTTP_THREADS,
    poolThreadCount: values.POOL_THREADS,
    maxConnections: values.MAX_CONNECTIONS,
    queueCapacity: values.QUEUE_CAPACITY,
    inFlightLimit: values.IN_FLIGHT_LIMIT,
    concurrency: values.CONCURRENCY,
    drainRate: values.DRAIN_RATE,
    processorTimeoutMs: values.PROCESSOR_TIMEOUT_MS,
    inDoubtHoldMs: values.IN_DOUBT_HOLD_MS,
    leaseMs: values.LEASE_MS,
    failoverDelayMs: values.FAILOVER_DELAY_MS,
    latencyBudgetMs: values.LATENCY_BUDGET_MS,
    backoff: { baseMs: values.BACKOFF_BASE_MS, maxMs: values.BACKOFF_MAX_MS },
    breaker: {
      failures: values.BREAKER_FAILURES,
      baseMs: values.BREAKER_BASE_MS,
      maxMs: values.BREAKER_MAX_MS,
    },
    health: { intervalMs: values.HEALTH_INTERVAL_MS, timeoutMs: values.HEALTH_TIMEOUT_MS },
    batch: { windowMs: values.BATCH_WINDOW_MS, limit: values.BATCH_LIMIT },
    bodyLimitBytes: values.BODY_LIMIT_BYTES,
    maxAmountCents: values.MAX_AMOUNT,
    warmUpPayments: values.WARM_UP_PAYMENTS,
    stopTimeoutMs: values.STOP_TIMEOUT_MS,
    allowPurge: values.ALLOW_PURGE === 'true',
    /** Empty: there is none. */
    adminToken: values.ADMIN_TOKEN,
    access: {
      metrics: values.METRICS_ACCESS,
      dashboard: values.DASHBOARD_ACCESS,
      audit: values.AUDIT_ACCESS,
    },
    dashboard: { viewerLimit: values.DASHBOARD_VIEWERS, lab: values.DASHBOARD_LAB || null },
    tracing: {
      otlpUrl: values.OTLP_URL,
      queueSpans: values.OTLP_QUEUE,
      intervalMs: values.OTLP_INTERVAL_MS,
      timeoutMs: values.OTLP_TIMEOUT_MS,
      ratio: values.TRACE_RATIO,
    },
    audit: {
      rate: values.AUDIT_RATE,
      paymentLimit: values.AUDIT_LIMIT,
      tokens: values.PROCESSOR_TOKENS,
    },
    logLevel: values.LOG_LEVEL,
  } as const;
}

function ledgerOf({
  LEDGER_URL: target,
  LEDGER_CA_FILE: ca,
  LEDGER_CERT_FILE: cert,
  LEDGER_KEY_FILE: key,
}: Values): LedgerTarget {
  return target.kind === 'redis' && isTls(target.url) ? { ...target, tls: tlsOf(ca, cert, key) } : target;
}

function withTls(
  processor: ProcessorTarget,
  { PROCESSOR_CA_FILE: ca, PROCESSOR_CERT_FILE: cert, PROCESSOR_KEY_FILE: key }: Values,
): ProcessorTarget {
  return isTls(processor.url) ? { ...processor, tls: tlsOf(ca, cert, key) } : processor;
}

function isTls(url: string): boolean {
  return /^(https|rediss):/.test(url);
}

function tlsOf(ca: string, cert: string, key: string): Tls {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function processorsOf(values: Values): ProcessorTarget[] {
  if (values.PROCESSORS.length > 0) return [...values.PROCESSORS];
  return [
    { name: 'default', feePpm: DEFAULT_FEE_PPM, url: values.PAYMENT_PROCESSOR_URL_DEFAULT },
    { name: 'fallback', feePpm: FALLBACK_FEE_PPM, url: values.PAYMENT_PROCESSOR_URL_FALLBACK },
  ].filter((processor) => processor.url !== '');
}

/** What no setting shows alone. A setting that is wrong by itself is left out here. */
function contradictions(values: Partial<Values>): string[] {
  const problems: string[] = [];
  const atMost = (lesser: Name, greater: Name): void => {
    const [low, high] = [values[lesser], values[greater]];
    if (low !== undefined && high !== undefined && low > high) {
      problems.push(`${lesser}=${low} is invalid: expected at most ${greater}, which is ${high}.`);
    }
  };
  atMost('BACKOFF_BASE_MS', 'BACKOFF_MAX_MS');
  atMost('BREAKER_BASE_MS', 'BREAKER_MAX_MS');
  atMost('HEALTH_TIMEOUT_MS', 'HEALTH_INTERVAL_MS');
  const { IN_DOUBT_HOLD_MS: inDoubtHoldMs, PROCESSOR_TIMEOUT_MS: timeoutMs, LEASE_MS: leaseMs } = values;
  if (inDoubtHoldMs !== undefined && timeoutMs !== undefined && leaseMs !== undefined) {
    const leastMs = timeoutMs + leaseMs;
    if (inDoubtHoldMs < leastMs) {
      problems.push(
        `IN_DOUBT_HOLD_MS=${inDoubtHoldMs} is invalid: expected at least PROCESSOR_TIMEOUT_MS + LEASE_MS, which is ${leastMs}.`,
      );
    }
  }
  const { LEDGER_URL: ledger } = values;
  if (ledger !== undefined) {
    const redisUrls = ledger.kind === 'redis' ? [ledger.url] : [];
    problems.push(...tlsContradictions('LEDGER', 'LEDGER_URL with `rediss://`', redisUrls, values));
  }
  const urls = [values.PAYMENT_PROCESSOR_URL_DEFAULT, values.PAYMENT_PROCESSOR_URL_FALLBACK];
  for (const { url } of values.PROCESSORS ?? []) urls.push(url);
  problems.push(...tlsContradictions('PROCESSOR', 'a processor with `https://`', urls, values));
  return [...problems, ...processorContradictions(values), ...strayTokens(values)];
}

/** Asking for a token without setting one is a mistake; a default that lets nobody in is not. */
function tokenContradictions(values: Partial<Values>, environment: Environment): string[] {
  if (values.ADMIN_TOKEN !== '') return [];
  return (['METRICS_ACCESS', 'DASHBOARD_ACCESS', 'AUDIT_ACCESS'] as const)
    .filter((name) => environment[name] === 'token')
    .map((name) => `${name}=token is invalid: expected ADMIN_TOKEN to be set, too.`);
}

/** A certificate that is given and would not be used is a mistake. */
function tlsContradictions(
  whose: 'LEDGER' | 'PROCESSOR',
  wanted: string,
  urls: readonly (string | undefined)[],
  values: Partial<Values>,
): string[] {
  const [ca, cert, key] = [
    values[`${whose}_CA_FILE`],
    values[`${whose}_CERT_FILE`],
    values[`${whose}_KEY_FILE`],
  ];
  if (ca === undefined || cert === undefined || key === undefined) return [];
  const named = `${whose}_CA_FILE, ${whose}_CERT_FILE and ${whose}_KEY_FILE`;
  if (`${ca}${cert}${key}` !== '' && !urls.some((url) => url !== undefined && isTls(url))) {
    return [`${named} would not be used: expected ${wanted}, too.`];
  }
  if ((cert === '') !== (key === ''))
    return [`${whose}_CERT_FILE and ${whose}_KEY_FILE must be set together.`];
  if (cert !== '' && !isKeyOf(key, cert)) return [`${whose}_KEY_FILE is not the key of ${whose}_CERT_FILE.`];
  return [];
}

/** A token for a processor that does not exist was meant for one that does. */
function strayTokens({
  PROCESSORS: listed,
  PROCESSOR_TOKENS: tokens,
  PAYMENT_PROCESSOR_URL_DEFAULT: defaultUrl,
  PAYMENT_PROCESSOR_URL_FALLBACK: fallbackUrl,
}: Partial<Values>): string[] {
  if (listed === undefined || tokens === undefined) return [];
  const named = [defaultUrl === '' ? [] : ['default'], fallbackUrl === '' ? [] : ['fallback']].flat();
  const names = listed.length > 0 ? listed.map(({ name }) => name) : named;
  return tokens
    .filter(({ processor }) => !names.includes(processor))
    .map(
      ({ processor }) =>
        `PROCESSOR_TOKENS=*** is invalid: there is no processor \`${processor}\`; expected ${expectedNames(names)}.`,
    );
}

function expectedNames(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(' or ');
}

function processorContradictions(values: Partial<Values>): string[] {
  const { PROCESSORS: listed } = values;
  const named = [
    ['PAYMENT_PROCESSOR_URL_DEFAULT', 'default'],
    ['PAYMENT_PROCESSOR_URL_FALLBACK', 'fallback'],
  ] as const;
  if (listed === undefined) return [];
  if (listed.length === 0) {
    if (named.some(([setting]) => values[setting] !== '')) return [];
    return [
      'No processor: set PAYMENT_PROCESSOR_URL_DEFAULT and PAYMENT_PROCESSOR_URL_FALLBACK, or PROCESSORS.',
    ];
  }
  const problems: string[] = [];
  for (const [setting, name] of named) {
    const url = values[setting];
    const known = listed.some((processor) => processor.name === name && processor.url === url);
    if (url && !known) {
      problems.push(
        `${setting}=${masked(url)} is invalid: expected no URL beside PROCESSORS, or the one that PROCESSORS gives to \`${name}\`.`,
      );
    }
  }
  return problems;
}

function fallbackOf(name: string, setting: Setting<unknown>, host: string): string {
  if (name !== 'INSTANCE_ID') return setting.fallback;
  return host.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
}

function whole(unit: string, fallback: number, min: number, max: number, about: string): Setting<number> {
  return {
    unit,
    fallback: String(fallback),
    allowed: `a whole number from ${min} to ${max}`,
    about,
    parse: (text) => parseWhole(text, min, max),
    faultOf: (text) => numberFault(text, unit),
  };
}

function oneOf<const Word extends string>(
  words: readonly Word[],
  fallback: Word,
  about: string,
): Setting<Word> {
  const parse = (text: string) => words.find((word) => word === text);
  return { unit: 'word', fallback, allowed: words.map((word) => `\`${word}\``).join(', '), about, parse };
}

function custom<Value>(
  parse: (text: string) => Value | undefined,
  described: Omit<Setting<Value>, 'parse'>,
): Setting<Value> {
  return { ...described, parse };
}

function certificates(about: string): Setting<string> {
  const parse = (path: string) => path && readCertificates(path);
  return { unit: 'path', fallback: '', allowed: 'a file with certificates in PEM', about, parse };
}

function privateKey(about: string): Setting<string> {
  const parse = (path: string) => path && readPrivateKey(path);
  return {
    unit: 'path',
    fallback: '',
    allowed: 'a file with a private key in PEM, without passphrase',
    about,
    parse,
  };
}

/** What a text that is not the number we want has that it should not, or lacks. */
function numberFault(text: string, unit: string): string | undefined {
  if (/^\d+$/.test(text)) return 'is out of range';
  return /^\d+(\.\d+)?\s*[a-z%/]+$/i.test(text)
    ? `is invalid: the unit is always ${unit}, and is not written`
    : undefined;
}

function parseWhole(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** Never another host: the page is allowed to talk to it. */
function parseLab(text: string): string | undefined {
  return text === '' || /^http:\/\/127\.0\.0\.1:\d{1,5}\/#[\w-]{16,64}$/.test(text) ? text : undefined;
}

function parseLedger(text: string): LedgerTarget | undefined {
  if (ledgerFault(text) !== undefined) return undefined;
  if (text.startsWith('lmdb:')) return { kind: 'lmdb', path: text.slice('lmdb:'.length) };
  if (text.startsWith('redis+unix:')) {
    const address = parseAddress(text.slice('redis+'.length));
    const isPlain = address?.kind === 'unix' && !/[?#]/.test(address.path);
    return isPlain ? { kind: 'redis', url: `unix://${address.path}` } : undefined;
  }
  const url = /^rediss?:\/\//.test(text) ? URL.parse(text) : null;
  if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '') return undefined;
  if (!isDecodable(url.username) || !isDecodable(url.password)) return undefined;
  return /^(\/\d*)?$/.test(url.pathname) ? { kind: 'redis', url: text } : undefined;
}

function ledgerFault(text: string): string | undefined {
  const path = text.startsWith('lmdb:') ? text.slice('lmdb:'.length) : undefined;
  if (path === undefined)
    return /^rediss?:.*[?#]/s.test(text) ? 'is invalid: a query or fragment is not read' : undefined;
  if (path === '') return 'is invalid: the path is missing';
  // `lmdb://data` would be the absolute path /data, which its writer hardly means.
  const name = /^\/\/([^/].*)$/s.exec(path)?.[1];
  if (name === undefined) return pathFault(path);
  return `is invalid: no host follows \`lmdb:\`; write lmdb:./${name} or lmdb:/${name}`;
}

/** Only a shell knows what `~` is, and it has left this one alone; and a path may end in what nobody sees. */
function pathFault(text: string): string | undefined {
  if (text !== text.trim()) return 'is invalid: it begins or ends with white space';
  return /^~(\/|$)/.test(text) ? 'is invalid: `~` is not expanded here; write the whole path' : undefined;
}

function parseUrl(text: string): string | undefined {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null || url.search !== '' || url.hash !== '') return undefined;
  if (!isDecodable(url.username) || !isDecodable(url.password)) return undefined;
  return url.href.replace(/\/+$/, '');
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

function parseProcessors(text: string): ProcessorTarget[] | undefined {
  if (processorsFault(text) !== undefined) return undefined;
  return itemsOf(text)
    .map(parseProcessor)
    .filter((processor) => processor !== undefined);
}

function itemsOf(list: string): string[] {
  return list === '' ? [] : list.split(',').map((item) => item.trim());
}

function parseProcessor(text: string): ProcessorTarget | undefined {
  const [name, fee, urlText] = splitProcessor(text);
  const url = parseUrl(urlText);
  const feePpm = parseFee(fee);
  return !NAME.test(name) || feePpm === undefined || url === undefined ? undefined : { name, feePpm, url };
}

const NAME = /^[a-z0-9-]{1,32}$/;

function splitProcessor(text: string): [name: string, fee: string, url: string] {
  const [name = '', fee = '', ...url] = text.split(':');
  return [name, fee, url.join(':')];
}

function parseFee(text: string): number | undefined {
  const [, whole = '', fraction = ''] = /^([01])(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  const feePpm = Number(whole + fraction.padEnd(6, '0'));
  return whole === '' || feePpm > 1_000_000 ? undefined : feePpm;
}

/** The first entry that is not a processor, and what is wrong with it. */
function processorsFault(text: string): string | undefined {
  const items = itemsOf(text);
  for (const [index, item] of items.entries()) {
    const fault = processorFault(item);
    if (fault !== undefined) return entryFault(index, fault);
  }
  const names = items.map((item) => splitProcessor(item)[0]);
  return listFault(names, PROCESSORS_MAX);
}

function processorFault(item: string): string | undefined {
  const [name, fee, url] = splitProcessor(item);
  if (item === '') return 'is empty';
  if (!NAME.test(name)) return `has no valid name, such as \`cheap\`, before its first colon`;
  if (parseFee(fee) === undefined)
    return `(\`${name}\`) has no valid fee, such as 0.05, after its first colon`;
  if (parseUrl(url) === undefined)
    return `(\`${name}\`) has no valid http or https URL after its second colon`;
  return undefined;
}

function entryFault(index: number, fault: string): string {
  return `is invalid: entry ${index + 1} ${fault}`;
}

function listFault(names: readonly string[], max: number): string | undefined {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) return `is invalid: \`${repeated}\` is listed more than once`;
  return names.length > max ? `is invalid: it has ${names.length} entries` : undefined;
}

function parseTokens(text: string): ProcessorToken[] | undefined {
  if (tokensFault(text) !== undefined) return undefined;
  return itemsOf(text).map(splitToken);
}

/** Without `=` it may be nothing but a token, which no error may show: it has no name then. */
function splitToken(item: string): ProcessorToken {
  const at = item.indexOf('=');
  return { processor: item.slice(0, Math.max(at, 0)), token: item.slice(at + 1) };
}

function tokensFault(text: string): string | undefined {
  const tokens = itemsOf(text).map(splitToken);
  for (const [index, { processor, token }] of tokens.entries()) {
    if (!NAME.test(processor)) return entryFault(index, 'has no valid name of a processor before `=`');
    if (isQuoted(token))
      return entryFault(index, `(\`${processor}\`) has its token in quotes, which are part of it`);
    if (!/^[\x21-\x7e]{1,200}$/.test(token))
      return entryFault(index, `(\`${processor}\`) has no valid token after \`=\``);
  }
  return listFault(
    tokens.map(({ processor }) => processor),
    PROCESSORS_MAX,
  );
}

/** Whole cents of a plain decimal: `12`, `12.5` or `12.50`. */
function parseAmount(text: string): number | undefined {
  const [, whole = '', fraction = ''] = /^(\d{1,14})(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  return parseWhole(whole + fraction.padEnd(2, '0'), 1, Number.MAX_SAFE_INTEGER);
}

function parseRatio(text: string): number | undefined {
  return /^(0(\.\d{1,6})?|1(\.0{1,6})?)$/.test(text) ? Number(text) : undefined;
}

/** A file of variables for a container is not read by a shell: what is quoted there arrives with its quotes. */
function isQuoted(text: string): boolean {
  return /^(["']).*\1$/s.test(text) && text.length > 1;
}

const QUOTED = 'is invalid: the quotes are part of the value; write it without them';

function complaint(name: string, text: string, setting: Setting<unknown>): string {
  const fault = isQuoted(text) ? QUOTED : (setting.faultOf?.(text) ?? 'is invalid');
  const expected = `expected ${setting.allowed}`;
  return `${name}=${shownValue(shownOf(text, setting))} ${fault}${fault.includes(':') ? '; ' : ': '}${expected}.`;
}

function shownOf(text: string, { secret }: Setting<unknown>): string {
  if (secret === 'whole') return '***';
  return secret === 'credentials' ? masked(text) : text;
}

/**
 * A URL, or a list of them, without what may be a password. Such a text may be malformed, so that no parser tells
 * where its password begins; everything before the last `@` goes, and every query.
 */
function masked(text: string): string {
  return text.replace(/^.*@/s, '***@').replace(/\?.*$/s, '?***');
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
