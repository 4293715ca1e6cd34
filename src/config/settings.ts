import { parseAddress } from '../core/address.ts';
import { PROCESSORS_MAX } from '../core/terms.ts';
import { ACCESS } from './access-settings.ts';
import { LOGS_AND_TRACES, OPERATORS } from './operator-settings.ts';
import {
  ledgerFault,
  parseAmount,
  parseEventsRetention,
  parseLedger,
  parsePath,
  parsePowerOfTwo,
  parseProcessors,
  parseRetention,
  parseTokens,
  pathFault,
  processorsFault,
  retentionFault,
  SHARDS_MAX,
  tokensFault,
} from './parsers.ts';

import {
  boolean,
  certificates,
  httpUrl,
  integer,
  oneOf,
  privateKey,
  type Setting,
  secretFile,
  setting,
} from './setting.ts';

/**
 * Every setting of a gateway, by the sections of docs/settings.md. The entry is all there is to write: the field in
 * `Config`, the check, `dinossauro gateway --help` and docs/settings.md (`npm run contract`) follow from it.
 */

export const SECTIONS = {
  Requests: {
    LISTEN: setting({
      field: 'listen',
      unit: 'address',
      default: '127.0.0.1:9999',
      expected: '`host:port` or `unix:/path`',
      about:
        'Address to listen on. The default is reachable from this machine only; for others use `0.0.0.0:9999`.',
      parse: (text) => parseAddress(text) ?? undefined,
    }),
    HTTP_THREADS: integer({
      field: 'httpThreadCount',
      unit: 'threads',
      default: 1,
      min: 1,
      max: 16,
      about: 'Threads that answer HTTP. Several threads share the port.',
    }),
    MAX_CONNECTIONS: integer({
      field: 'maxConnections',
      unit: 'connections',
      default: 4096,
      min: 1,
      max: 1_048_576,
      about:
        'Most client connections open at once, limited to half of what `ulimit -n` leaves. Any more are closed at once.',
    }),
    BODY_LIMIT_BYTES: integer({
      field: 'bodyLimitBytes',
      unit: 'bytes',
      default: 1024,
      min: 128,
      max: 65_536,
      about: 'Largest request body. A larger one is answered 413.',
    }),
    POST_BATCH_LIMIT: integer({
      field: 'postBatch.lineLimit',
      unit: 'payments',
      default: 500,
      min: 1,
      max: 4096,
      about:
        'Most payments in one `POST /payments-batch`. The journal ends a segment that has no room for so many.',
    }),
    POST_BATCH_BYTES: integer({
      field: 'postBatch.bytes',
      unit: 'bytes',
      default: 131_072,
      min: 1024,
      max: 1_048_576,
      about: 'Largest body of `POST /payments-batch`. A larger one is answered 413.',
    }),
    MAX_AMOUNT: setting({
      field: 'maxAmountCents',
      unit: 'decimal',
      default: '1000000000.00',
      expected: 'a decimal from 0.01 to 90071992547409.91 with at most two places',
      about: 'Largest amount of one payment.',
      parse: parseAmount,
    }),
    QUEUE_CAPACITY: setting({
      field: 'queueCapacity',
      unit: 'payments',
      default: '65536',
      expected: 'a power of two from 1024 to 1048576',
      about:
        'Accepted payments that may wait for a pool thread. When the queue is full, posts are answered 503.',
      parse: (text) => parsePowerOfTwo(text, 1024, 1_048_576),
    }),
    ACCEPT_DURABILITY: oneOf({
      field: 'acceptDurability',
      values: ['journal', 'fsync', 'ledger'],
      default: 'journal',
      about:
        'What a 202 waits for: the journal is written (survives `kill -9`), the journal is synced (survives a power cut), or the ledger has the payment (survives the loss of the machine).',
    }),
  },
  'Instance and journal': {
    INSTANCE_ID: setting({
      field: 'instanceId',
      unit: 'name',
      expected: '1 to 64 of `A-Z a-z 0-9 . _ -`, not only dots',
      about: 'Name of this instance, which must stay the same across restarts. Default: the host name.',
      parse: (text) => (/^(?!\.+$)[A-Za-z0-9._-]{1,64}$/.test(text) ? text : undefined),
    }),
    JOURNAL_DIR: setting({
      unit: 'path',
      expected: 'a path',
      about:
        'Directory of the journal, for this instance alone. Default: `./data/journal/<INSTANCE_ID>`; only then are unused journals beside it taken over at start.',
      parse: parsePath,
      faultOf: pathFault,
    }),
    JOURNAL_SEGMENTS: integer({
      field: 'journalSegmentCount',
      unit: 'segments',
      default: 64,
      min: 2,
      max: 1024,
      about: 'Size limit of the journal, in segments of 16,384 payments (1 MiB).',
    }),
    WARM_UP_PAYMENTS: integer({
      field: 'warmUpPayments',
      unit: 'payments',
      default: 3000,
      min: 0,
      max: 100_000,
      about:
        'Practice payments that each thread runs before it is ready, so that its code is compiled. After a crash there are none.',
    }),
    STOP_TIMEOUT_MS: integer({
      field: 'stopTimeoutMs',
      unit: 'ms',
      default: 10_000,
      min: 0,
      max: 600_000,
      about: 'How long a shutdown waits for calls in flight.',
    }),
  },
  Ledger: {
    LEDGER_URL: setting({
      unit: 'URL',
      default: 'lmdb:./data/ledger',
      expected:
        '`lmdb:path`, `redis://[user:password@]host[:port][/db]`, `redis+unix:/path`, `redis-sentinel://[user:password@]host[:port][,host[:port]…]/master`, `redis-cluster://[user:password@]host[:port][,host[:port]…]`, or one of these with TLS: `rediss…`',
      about:
        'Where the ledger is. LMDB serves the instances of one machine, Redis those of several. With `redis-sentinel` the sentinels name the master; with `redis-cluster` the books are spread over several masters.',
      secret: 'credentials',
      parse: parseLedger,
      faultOf: ledgerFault,
    }),
    LEDGER_URL_FILE: secretFile('LEDGER_URL'),
    LEDGER_CA_FILE: certificates(
      'Certificate authorities to trust for a ledger in Redis with TLS. Default: those of Node.js.',
    ),
    LEDGER_CERT_FILE: certificates(
      'Client certificate for a ledger in Redis with TLS, with its intermediates.',
    ),
    LEDGER_KEY_FILE: privateKey('Private key of `LEDGER_CERT_FILE`.'),
    LEDGER_SHARDS: integer({
      unit: 'shards',
      default: 0,
      min: 0,
      max: SHARDS_MAX,
      about:
        'How many shards the books in Redis have. It is fixed when they are made. 0: 16 in a cluster, 1 in any other Redis.',
    }),
    LEDGER_REPLICAS: integer({
      unit: 'replicas',
      default: 0,
      min: 0,
      max: 8,
      about:
        'How many replicas of Redis must have a write before it counts. 0: Redis must sync each write to its disk (`appendfsync always`).',
    }),
    LEDGER_ALLOW_UNCONFIRMED: boolean({
      default: false,
      about:
        'Allow a Redis that neither syncs each write nor has replicas to wait for. What it loses in a crash may be charged twice, or be missing from the summary.',
    }),
    RETENTION: setting({
      field: 'retentionMs',
      unit: 'duration',
      default: '90d',
      expected: 'a whole number of `m`, `h` or `d` from 1m to 3650d, such as `90d`, or `forever`',
      about:
        'How long the books know every payment. Older ones are forgotten once they are settled or rejected, and their totals stay, by minute and by hour ([books.md](books.md)). The same at all instances.',
      parse: parseRetention,
      faultOf: retentionFault,
    }),
    EVENTS: boolean({
      default: false,
      about:
        'Whether the ledger keeps what became of each payment as events, in the same commit, for `GET /events` ([events.md](events.md)). The same at all instances.',
    }),
    EVENTS_RETENTION: setting({
      unit: 'duration',
      default: '7d',
      expected: 'a whole number of `m`, `h` or `d` from 1m to 3650d, such as `7d`',
      about: 'How long events are kept. The same at all instances.',
      parse: parseEventsRetention,
      faultOf: retentionFault,
    }),
    EVENTS_LIMIT: integer({
      unit: 'events',
      default: 1_000_000,
      min: 1000,
      max: 100_000_000,
      about:
        'How many events each shard of the ledger keeps at most. The oldest are dropped first, whether they were read or not. The same at all instances.',
    }),
    EVENT_READERS: integer({
      field: 'eventReaderLimit',
      unit: 'clients',
      default: 32,
      min: 1,
      max: 1000,
      about: 'Most clients that read `GET /events` at once, for each HTTP thread.',
    }),
    WEBHOOKS_FILE: setting({
      unit: 'path',
      expected: 'a path',
      about:
        'A YAML file with the endpoints that get events ([webhooks.md](webhooks.md)). The same at all instances.',
      parse: parsePath,
      faultOf: pathFault,
    }),
    LEASE_MS: integer({
      field: 'leaseMs',
      unit: 'ms',
      default: 5000,
      min: 1000,
      max: 60_000,
      about: 'How long an instance may be silent before others take over its payments.',
    }),
    BATCH_WINDOW_MS: integer({
      field: 'batch.windowMs',
      unit: 'ms',
      default: 50,
      min: 0,
      max: 1000,
      about: 'How long a pool thread gathers payments before it claims them.',
    }),
    BATCH_LIMIT: integer({
      field: 'batch.limit',
      unit: 'payments',
      default: 256,
      min: 1,
      max: 4096,
      about: 'Most payments in one commit to the ledger.',
    }),
    ALLOW_PURGE: boolean({
      field: 'allowPurge',
      default: false,
      about: 'Whether `POST /purge-payments` may empty the ledger.',
    }),
  },
  Processors: {
    PAYMENT_PROCESSOR_URL_DEFAULT: httpUrl({ about: 'URL of the processor `default`, fee 0.05.' }),
    PAYMENT_PROCESSOR_URL_FALLBACK: httpUrl({ about: 'URL of the processor `fallback`, fee 0.15.' }),
    PROCESSORS: setting({
      unit: 'list',
      expected: `1 to ${PROCESSORS_MAX} entries \`name:fee:url\`, separated by commas; each name once, 1 to 32 of \`a-z 0-9 -\`; each fee a decimal from 0 to 1 with at most 6 places`,
      about: 'Any processors, instead of the two URLs above.',
      secret: 'credentials',
      parse: parseProcessors,
      faultOf: processorsFault,
    }),
    PROCESSORS_FILE: setting({
      unit: 'path',
      expected: 'a path',
      about:
        'A YAML file with any processors, instead of the settings above: contracts, fees, limits, timeouts and credentials; see [processors-file.md](processors-file.md).',
      parse: parsePath,
      faultOf: pathFault,
    }),
    PROCESSOR_SECRETS_DIR: setting({
      field: 'processorSecretsDir',
      unit: 'path',
      expected: 'a path',
      about:
        'A directory with the credentials of processors that operators add to a running deployment, one file for each, under the name that the processor gives it; see [processors.md](processors.md#add-and-remove-a-processor).',
      parse: parsePath,
      faultOf: pathFault,
    }),
    PROCESSOR_CA_FILE: certificates(
      'Certificate authorities to trust for `https://` processors. Default: those of Node.js. This file and the two below are read again when they change.',
    ),
    PROCESSOR_CERT_FILE: certificates(
      'Client certificate for `https://` processors, with its intermediates.',
    ),
    PROCESSOR_KEY_FILE: privateKey('Private key of `PROCESSOR_CERT_FILE`.'),
    PROCESSOR_TOKENS: setting({
      unit: 'list',
      expected:
        'entries `name=token`, separated by commas; each name once; each token 1 to 200 visible ASCII characters without a comma',
      about: 'Administrator tokens of the processors. An audit reads their totals with them.',
      secret: 'whole',
      parse: parseTokens,
      faultOf: tokensFault,
    }),
    PROCESSOR_TOKENS_FILE: secretFile('PROCESSOR_TOKENS', true),
    PROCESSOR_TIMEOUT_MS: integer({
      field: 'processorTimeoutMs',
      unit: 'ms',
      default: 15_000,
      min: 100,
      max: 120_000,
      about: 'How long a call waits for its response. On timeout the outcome is unknown.',
    }),
    RETRY_AFTER_MAX_MS: integer({
      field: 'retryAfterMaxMs',
      unit: 'ms',
      default: 3_600_000,
      min: 1000,
      max: 86_400_000,
      about: 'Longest rest that a processor gets when it asks for one with `Retry-After`.',
    }),
    OUTAGE_LOOK_UP_RATE: integer({
      field: 'outageLookUpRate',
      unit: 'look-ups/s',
      default: 50,
      min: 1,
      max: 10_000,
      about:
        'Most look-ups a second by one instance to a processor whose circuit breaker is open, for payments in doubt there.',
    }),
    HEALTH_INTERVAL_MS: integer({
      field: 'health.intervalMs',
      unit: 'ms',
      default: 5100,
      min: 5000,
      max: 600_000,
      about: 'Time between health calls to a processor, across all instances.',
    }),
    HEALTH_TIMEOUT_MS: integer({
      field: 'health.timeoutMs',
      unit: 'ms',
      default: 1500,
      min: 100,
      max: 60_000,
      about: 'How long a health call waits for its response.',
    }),
  },
  Delivery: {
    POOL_THREADS: integer({
      field: 'poolThreadCount',
      unit: 'threads',
      default: 1,
      min: 1,
      max: 16,
      about: 'Threads that call processors and write the ledger.',
    }),
    IN_FLIGHT_LIMIT: integer({
      field: 'inFlightLimit',
      unit: 'payments',
      default: 4096,
      min: 64,
      max: 65_536,
      about: 'Most payments that one pool thread works on at once.',
    }),
    CONCURRENCY: integer({
      field: 'concurrency',
      unit: 'calls',
      default: 400,
      min: 1,
      max: 1024,
      about: 'Most calls in flight to one processor, over all threads of the instance.',
    }),
    DRAIN_RATE: integer({
      field: 'drainRate',
      unit: 'payments/s',
      default: 1000,
      min: 1,
      max: 100_000,
      about:
        'Rate at which an instance tries to drain a backlog. It adapts the number of calls in flight to it.',
    }),
    FAILOVER_DELAY_MS: integer({
      field: 'failoverDelayMs',
      unit: 'ms',
      default: 2000,
      min: 0,
      max: 600_000,
      about: 'How long a payment waits for a cheaper processor that fails before it goes to a dearer one.',
    }),
    LATENCY_BUDGET_MS: integer({
      field: 'latencyBudgetMs',
      unit: 'ms',
      default: 1250,
      min: 1,
      max: 60_000,
      about: 'A processor slower than this gets no payments while another can take them.',
    }),
    IN_DOUBT_HOLD_MS: integer({
      field: 'inDoubtHoldMs',
      unit: 'ms',
      default: 30_000,
      min: 1200,
      max: 600_000,
      about:
        'How long a payment with an unknown outcome stays with its processor before a 404 there releases it; at least `PROCESSOR_TIMEOUT_MS` + `LEASE_MS`. After `kill -9` it alone bounds how late the kernel may still deliver a request.',
    }),
    BACKOFF_BASE_MS: integer({
      field: 'backoff.baseMs',
      unit: 'ms',
      default: 50,
      min: 1,
      max: 60_000,
      about: 'First delay before a retry. It doubles with each retry, with full jitter.',
    }),
    BACKOFF_MAX_MS: integer({
      field: 'backoff.maxMs',
      unit: 'ms',
      default: 2000,
      min: 1,
      max: 600_000,
      about: 'Longest delay before a retry.',
    }),
    BREAKER_FAILURES: integer({
      field: 'breaker.failures',
      unit: 'calls',
      default: 3,
      min: 1,
      max: 100,
      about: 'Failures in a row that open the circuit breaker of a processor.',
    }),
    BREAKER_BASE_MS: integer({
      field: 'breaker.baseMs',
      unit: 'ms',
      default: 250,
      min: 1,
      max: 60_000,
      about: 'First delay before an open breaker probes. It doubles each time.',
    }),
    BREAKER_MAX_MS: integer({
      field: 'breaker.maxMs',
      unit: 'ms',
      default: 5000,
      min: 1,
      max: 600_000,
      about: 'Longest delay before an open breaker probes.',
    }),
  },
  Access: ACCESS,
  Operators: OPERATORS,
  'Logs and traces': LOGS_AND_TRACES,
};

type Section = (typeof SECTIONS)[keyof typeof SECTIONS];
type Intersection<Union> = (Union extends unknown ? (part: Union) => void : never) extends (
  whole: infer Whole,
) => void
  ? Whole
  : never;
type Settings = Intersection<Section>;

export type SettingName = keyof Settings;

/** The value of each setting, by the name of its variable. */
export type Values = {
  readonly [Name in SettingName]: Settings[Name] extends Setting<infer Value> ? Value : never;
};

/** The same by field, such as `backoff.baseMs`, for the settings that have one. */
export type FieldValues = {
  readonly [Name in SettingName as Settings[Name] extends { readonly field?: infer Field extends string }
    ? Field
    : never]: Values[Name];
};

export const SETTINGS: ReadonlyMap<string, Setting<unknown>> = new Map(
  Object.values(SECTIONS).flatMap((section) => Object.entries<Setting<unknown>>(section)),
);

/** The settings that may be in a file, which `<name>_FILE` names. */
export const SECRETS: ReadonlySet<string> = new Set(
  Array.from(SETTINGS.values()).flatMap(({ holds }) => holds ?? []),
);
