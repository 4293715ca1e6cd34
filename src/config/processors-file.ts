import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Environment } from '../core/environment.ts';
import { centsToDecimal } from '../core/money.ts';
import { takenAmounts } from './amount-ranges.ts';
import { lineOf, type Report, type ValueOf } from './file-field.ts';
import type { ContractSpec, ProcessorTarget } from './processor-target.ts';
import { type PROCESSOR, PROCESSORS_FILE } from './processors-fields.ts';
import { readSecret, type Secret, secretPath } from './secret.ts';
import { type FileProblem, type FileValue, problemLine, readYaml } from './yaml-file.ts';

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

/** Without the members that are undefined. */
function defined<T extends object>(value: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}
