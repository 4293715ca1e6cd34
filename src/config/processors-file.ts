import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Environment } from '../core/environment.ts';
import { centsToDecimal } from '../core/money.ts';
import { CALLS_AT_ONCE_MAX, CALLS_PER_SECOND_MAX, PROCESSORS_MAX } from '../core/terms.ts';
import { takenAmounts } from './amount-ranges.ts';
import { anything, integer, lineOf, list, mapping, type Report, scalar, type ValueOf } from './file-field.ts';
import { PROCESSOR_NAME, parseAmount, parseFee, parseHttpUrl } from './parsers.ts';
import type { ContractSpec, ProcessorTarget } from './processor-target.ts';
import { readSecret, type Secret, secretPath } from './secret.ts';
import { type FileProblem, type FileValue, problemLine, readYaml } from './yaml-file.ts';

/** A decimal as a number or as a text. */
const DECIMAL = { type: ['number', 'string'] };
const CENTS = '^\\d{1,14}(\\.\\d{1,2})?$';
const VARIABLE = '^[A-Za-z_][A-Za-z0-9_]*$';

function variable(about: string) {
  return scalar({
    about,
    expected: 'the name of an environment variable',
    schema: { type: 'string', pattern: VARIABLE },
    parse: (text) => (new RegExp(VARIABLE).test(text) ? text : undefined),
  });
}

function amount(about: string, fallback: string) {
  return scalar({
    about,
    default: fallback,
    expected: 'a decimal from 0.01 to 90071992547409.91 with at most two places',
    schema: { ...DECIMAL, minimum: 0.01, maximum: 90071992547409.91, pattern: CENTS },
    parse: parseAmount,
  });
}

/** An entry of the file. */
export const PROCESSOR = mapping({
  about: 'One processor.',
  required: ['name', 'url', 'contract', 'fee'],
  members: {
    name: scalar({
      about:
        'Its name in the ledger, in metrics and in logs. Payments in doubt are found by it, so do not rename it.',
      expected: '1 to 32 of `a-z 0-9 -`, each name once',
      schema: { type: 'string', pattern: PROCESSOR_NAME.source },
      parse: (text) => (PROCESSOR_NAME.test(text) ? text : undefined),
    }),
    url: scalar({
      about: 'Where it is. The paths of its contract are appended.',
      expected: 'an http or https URL without a query',
      schema: { type: 'string', pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^?#]*$' },
      isUrl: true,
      parse: parseHttpUrl,
    }),
    contract: scalar({
      about:
        'How it is asked, and what its answers mean: a contract that comes with the gateway, such as `rinha`, or a module of your own, relative to this file.',
      expected: 'the name of a contract, or a path that begins with `./`, `../` or `/`',
      schema: { type: 'string', pattern: '^([a-z][a-z0-9-]*|\\.{0,2}/.+)$' },
      parse: (text) => (/^([a-z][a-z0-9-]*|\.{0,2}\/.+)$/.test(text) ? text : undefined),
    }),
    options: anything('Options of the contract, which checks them itself.'),
    fee: mapping({
      about: 'What a payment costs: a share of its amount, and a fixed part.',
      members: {
        share: scalar({
          about: 'Share of the amount.',
          default: '0',
          expected: 'a decimal from 0 to 1 with at most 6 places',
          schema: { ...DECIMAL, minimum: 0, maximum: 1, pattern: '^(0(\\.\\d{1,6})?|1(\\.0{1,6})?)$' },
          parse: parseFee,
          faultOf: (text) => (text.endsWith('%') ? 'is invalid: write 5% as 0.05' : undefined),
        }),
        fixed: scalar({
          about: 'Fixed part of each payment.',
          default: '0',
          expected: 'a decimal from 0 to 1000000.00 with at most two places',
          schema: { ...DECIMAL, minimum: 0, maximum: 1_000_000, pattern: CENTS },
          parse: parseFixed,
        }),
      },
    }),
    limits: mapping({
      about: 'What it takes.',
      members: {
        callsAtOnce: integer({
          about: 'Most calls in flight, over all threads of an instance; at least `POOL_THREADS`.',
          default: '`CONCURRENCY`',
          unit: 'calls',
          min: 1,
          max: CALLS_AT_ONCE_MAX,
        }),
        callsPerSecond: integer({
          about:
            'Most calls in any second by one instance, look-ups included. Payments beyond it wait for the failover delay, and then go to the next processor.',
          default: 'no limit',
          unit: 'calls/s',
          min: 1,
          max: CALLS_PER_SECOND_MAX,
        }),
        minAmount: amount('Smallest amount.', '0.01'),
        maxAmount: amount('Greatest amount.', 'no limit'),
      },
    }),
    timeouts: mapping({
      about: 'How long to wait for a response.',
      members: {
        callMs: integer({
          about: 'Of a payment or look-up. On timeout the outcome is unknown.',
          default: '`PROCESSOR_TIMEOUT_MS`',
          unit: 'ms',
          min: 100,
          max: 120_000,
        }),
        healthMs: integer({
          about: 'Of a health call. It must be the same at all instances.',
          default: '`HEALTH_TIMEOUT_MS`',
          unit: 'ms',
          min: 100,
          max: 60_000,
        }),
      },
    }),
    inDoubtHoldMs: integer({
      about:
        'How long a payment with an unknown outcome stays with it before "not found" releases the payment; at least `callMs` + `LEASE_MS`.',
      default: '`IN_DOUBT_HOLD_MS`',
      unit: 'ms',
      min: 1200,
      max: 600_000,
    }),
    breaker: mapping({
      about: 'Its circuit breaker.',
      members: {
        failures: integer({
          about: 'Failures in a row that open it.',
          default: '`BREAKER_FAILURES`',
          unit: 'calls',
          min: 1,
          max: 100,
        }),
        baseMs: integer({
          about: 'First delay before it probes. It doubles each time.',
          default: '`BREAKER_BASE_MS`',
          unit: 'ms',
          min: 1,
          max: 60_000,
        }),
        maxMs: integer({
          about: 'Longest delay before it probes.',
          default: '`BREAKER_MAX_MS`',
          unit: 'ms',
          min: 1,
          max: 600_000,
        }),
      },
    }),
    credentials: mapping({
      about:
        'What the gateway sends as `Authorization`: either `bearer` or `basic`. The file holds no secrets, only names.',
      members: {
        bearer: variable('Environment variable with a bearer token.'),
        basic: mapping({
          about: 'Basic authentication.',
          required: ['user', 'password'],
          members: {
            user: variable('Environment variable with the user.'),
            password: variable('Environment variable with the password.'),
          },
        }),
      },
    }),
    adminToken: variable(
      'Environment variable with its administrator token. An audit reads its totals with it.',
    ),
  },
});

/** All that a processors file may contain. */
export const PROCESSORS_FILE = mapping({
  about: 'The processors of a Dinossauro gateway (`PROCESSORS_FILE`).',
  required: ['processors'],
  members: {
    processors: list({
      about: 'In the order that decides where two cost the same.',
      item: PROCESSOR,
      max: PROCESSORS_MAX,
    }),
  },
});

/** What a processor gets if the file does not say otherwise. */
export interface ProcessorDefaults {
  readonly callLimit: number;
  readonly timeoutMs: number;
  readonly healthTimeoutMs: number;
  readonly inDoubtHoldMs: number;
  readonly breaker: ProcessorTarget['breaker'];
  /** Settings that limit what the file may say. */
  readonly leaseMs: number;
  readonly healthIntervalMs: number;
  readonly poolThreadCount: number;
  readonly maxAmountCents: number;
}

export type ProcessorsFileReading = (
  | { readonly kind: 'ok'; readonly processors: readonly ProcessorTarget[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }
) & {
  /** This file, and those with the credentials that it names, whether they can be read or not. */
  readonly files: readonly string[];
};

/** Reads the file and reports everything that is wrong, one line each. `environment` has the credentials. */
export function readProcessorsFile(
  path: string,
  defaults: ProcessorDefaults,
  environment: Environment,
): ProcessorsFileReading {
  const problems: FileProblem[] = [];
  const files = new Set([path]);
  const reading = readYaml(path);
  const processors =
    reading.kind === 'ok'
      ? new EntryReading({
          path,
          defaults,
          secrets: {
            pathOf: (name) => secretPath(name, environment),
            read: (name) => readSecret(name, environment),
          },
          isModuleAllowed: () => true,
          report: (problem) => problems.push(problem),
          onSecretFile: (file) => files.add(file),
        }).read(reading.root)
      : [];
  if (reading.kind === 'wrong') problems.push(...reading.problems);
  const { maxAmountCents } = defaults;
  if (problems.length === 0 && takenAmounts(processors, maxAmountCents).length === 0) {
    const max = centsToDecimal(maxAmountCents);
    problems.push({
      line: 0,
      text: `has no processor that takes an amount up to MAX_AMOUNT, which is ${max}`,
    });
  }
  if (problems.length === 0) return { kind: 'ok', processors, files: [...files] };
  const lines = problems
    .toSorted((one, other) => one.line - other.line)
    .map((problem) => problemLine(path, problem));
  return { kind: 'wrong', problems: lines, files: [...files] };
}

/** Where the credentials are that a processor names. */
export interface Secrets {
  /** The file of a secret; empty: none. */
  pathOf(name: string): string;
  read(name: string): Secret;
}

interface ReadingParts {
  readonly path: string;
  readonly defaults: ProcessorDefaults;
  readonly secrets: Secrets;
  /** Whether a contract may be this module. */
  readonly isModuleAllowed: (path: string) => boolean;
  readonly report: Report;
  readonly onSecretFile: (path: string) => void;
}

type Written = ValueOf<typeof PROCESSOR>;

/** One entry: what it says, and where. */
interface Entry {
  readonly written: Written;
  readonly value: FileValue;
  readonly path: string;
}

/** Reads entries of the file. */
export class EntryReading {
  readonly #parts: ReadingParts;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  /** The processors. They are incomplete if something has been reported. */
  read(root: FileValue): ProcessorTarget[] {
    const { report } = this.#parts;
    const { processors } = PROCESSORS_FILE.read(root, '', report) ?? {};
    const listed = root.kind === 'mapping' ? root.members.get('processors')?.value : undefined;
    const values = listed?.kind === 'list' ? listed.items : [];
    const entries = (processors ?? []).flatMap((written, index): Entry[] => {
      const value = values[index];
      if (written === undefined || value === undefined) return [];
      return [{ written, value, path: `processors[${index}]` }];
    });
    this.#checkNames(entries);
    return entries.map((entry) => this.target(entry));
  }

  #checkNames(entries: readonly Entry[]): void {
    for (const [index, { written, value, path }] of entries.entries()) {
      const { name } = written;
      const first = entries.slice(0, index).find((other) => other.written.name === name);
      if (name === undefined || first === undefined) continue;
      this.#parts.report({
        line: lineOf(value, ['name']),
        text: `${path}.name: ${name} is the name of ${first.path} as well: expected each name once`,
      });
    }
  }

  /** One processor. It is incomplete if something has been reported. */
  target(entry: Entry): ProcessorTarget {
    const { defaults } = this.#parts;
    const { name = '', url = '', fee, limits, timeouts, inDoubtHoldMs, adminToken } = entry.written;
    const target = {
      name,
      url,
      contract: this.#contract(entry),
      feePpm: fee?.share ?? 0,
      feeFixedCents: fee?.fixed ?? 0,
      minAmountCents: limits?.minAmount ?? 1,
      maxAmountCents: limits?.maxAmount ?? Number.MAX_SAFE_INTEGER,
      callLimit: limits?.callsAtOnce ?? defaults.callLimit,
      callsPerSecond: limits?.callsPerSecond ?? null,
      timeoutMs: timeouts?.callMs ?? defaults.timeoutMs,
      healthTimeoutMs: timeouts?.healthMs ?? defaults.healthTimeoutMs,
      inDoubtHoldMs: inDoubtHoldMs ?? defaults.inDoubtHoldMs,
      breaker: { ...defaults.breaker, ...defined(entry.written.breaker ?? {}) },
      adminToken: adminToken === undefined ? '' : this.#secret(entry, ['adminToken'], adminToken),
    };
    this.#checkTogether(entry, target);
    return target;
  }

  /** What is valid alone but not together. */
  #checkTogether(entry: Entry, target: ProcessorTarget): void {
    const { leaseMs, healthIntervalMs, poolThreadCount } = this.#parts.defaults;
    const { minAmountCents, maxAmountCents, healthTimeoutMs, breaker } = target;
    if (minAmountCents > maxAmountCents) {
      const max = centsToDecimal(maxAmountCents);
      this.#report(
        entry,
        ['limits', 'minAmount'],
        `${centsToDecimal(minAmountCents)} is invalid: expected at most maxAmount, which is ${max}`,
      );
    }
    const callsAtOnce = entry.written.limits?.callsAtOnce;
    if (callsAtOnce !== undefined && callsAtOnce < poolThreadCount)
      this.#report(
        entry,
        ['limits', 'callsAtOnce'],
        `${callsAtOnce} is invalid: expected at least POOL_THREADS, which is ${poolThreadCount}`,
      );
    if (breaker.baseMs > breaker.maxMs)
      this.#report(
        entry,
        ['breaker', 'baseMs'],
        `${breaker.baseMs} is invalid: expected at most maxMs, which is ${breaker.maxMs}`,
      );
    if (healthTimeoutMs > healthIntervalMs)
      this.#report(
        entry,
        ['timeouts', 'healthMs'],
        `${healthTimeoutMs} is invalid: expected at most HEALTH_INTERVAL_MS, which is ${healthIntervalMs}`,
      );
    const { timeouts, inDoubtHoldMs } = entry.written;
    const leastMs = target.timeoutMs + leaseMs;
    // If the file says neither, the settings contradict each other, and that is reported for them.
    if (target.inDoubtHoldMs >= leastMs || (timeouts?.callMs === undefined && inDoubtHoldMs === undefined))
      return;
    const origin = inDoubtHoldMs === undefined ? ', the value of IN_DOUBT_HOLD_MS,' : '';
    this.#report(
      entry,
      ['inDoubtHoldMs'],
      `${target.inDoubtHoldMs}${origin} is invalid: expected at least timeouts.callMs + LEASE_MS, which is ${leastMs}`,
    );
  }

  #contract(entry: Entry): ContractSpec {
    const { contract = '', options = {}, url, credentials } = entry.written;
    const isPath = /^\.{0,2}\//.test(contract);
    const name = isPath ? resolve(dirname(this.#parts.path), contract) : contract;
    if (isPath && !this.#parts.isModuleAllowed(name))
      this.#report(
        entry,
        ['contract'],
        `${contract} is invalid: expected a contract that comes with the gateway, or a module in the folder of its PROCESSORS_FILE`,
      );
    else if (isPath && !existsSync(name))
      this.#report(entry, ['contract'], `${contract} is invalid: ${name} does not exist`);
    const given = [
      ...(url === undefined || basicAuthorization(url) === '' ? [] : ['url']),
      ...(credentials?.bearer === undefined ? [] : ['bearer']),
      ...(credentials?.basic === undefined ? [] : ['basic']),
    ];
    if (given.length > 1)
      this.#report(
        entry,
        ['credentials'],
        `has ${given.length} kinds of credentials, ${given.join(' and ')}: expected one`,
        ' ',
      );
    return { name, options, authorization: this.#authorization(entry) };
  }

  #authorization(entry: Entry): string {
    const { credentials, url = '' } = entry.written;
    if (credentials?.bearer !== undefined) {
      return `Bearer ${this.#secret(entry, ['credentials', 'bearer'], credentials.bearer)}`;
    }
    const { user, password } = credentials?.basic ?? {};
    if (user === undefined || password === undefined) return url === '' ? '' : basicAuthorization(url);
    const pair = [
      this.#variable(entry, ['credentials', 'basic', 'user'], user),
      this.#variable(entry, ['credentials', 'basic', 'password'], password),
    ];
    return `Basic ${Buffer.from(pair.join(':')).toString('base64')}`;
  }

  /** The value of a variable that goes into a header as it is. */
  #secret(entry: Entry, names: readonly string[], variableName: string): string {
    const value = this.#variable(entry, names, variableName);
    if (/^[\x21-\x7e]*$/.test(value)) return value;
    this.#report(entry, names, `${variableName} has an invalid value: expected visible ASCII characters`);
    return '';
  }

  #variable(entry: Entry, names: readonly string[], variableName: string): string {
    const { secrets, onSecretFile } = this.#parts;
    const file = secrets.pathOf(variableName);
    if (file !== '') onSecretFile(file);
    const secret = secrets.read(variableName);
    if (secret.kind === 'ok') return secret.text;
    const problem =
      secret.kind === 'wrong'
        ? secret.problem.replace(/\.$/, '')
        : `${variableName} is not set: expected an environment variable with a value`;
    this.#report(entry, names, problem);
    return '';
  }

  #report({ value, path }: Entry, names: readonly string[], text: string, separator = ': '): void {
    const line = lineOf(value, names);
    const at = path === '' ? names : [path, ...names];
    this.#parts.report({ line, text: `${at.join('.')}${separator}${text}` });
  }
}

/** The credentials in a URL, as the value of `Authorization`; empty: it has none. */
export function basicAuthorization(url: string): string {
  const { username, password } = new URL(url);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return credentials === ':' ? '' : `Basic ${Buffer.from(credentials).toString('base64')}`;
}

function parseFixed(text: string): number | undefined {
  if (/^0(\.0{1,2})?$/.test(text)) return 0;
  const cents = parseAmount(text);
  return cents === undefined || cents > 100_000_000 ? undefined : cents;
}

/** Without the members that are undefined. */
function defined<T extends object>(value: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}
