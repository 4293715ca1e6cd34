import { parseAddress } from '../core/address.ts';
import { isDecodable } from '../core/percent-encoding.ts';
import { parseRedisUrl } from '../core/redis-url.ts';
import { PROCESSORS_MAX } from '../core/terms.ts';
import type { Tls } from '../core/tls.ts';

/**
 * From the text of a setting to its value. A parser returns undefined for an invalid text, and the `…Fault` function
 * beside it says what is wrong.
 */

/** How long, and how many, events a shard of the ledger keeps for clients to read. */
export interface OutboxLimits {
  readonly keptMs: number;
  readonly keptCount: number;
}

interface LedgerOptions {
  /** Absent: the ledger writes no events. */
  readonly outbox?: OutboxLimits;
}

/** An LMDB directory, or a Redis by one of the URLs of `core/redis-url.ts`. */
export type LedgerTarget = LedgerOptions &
  (
    | { readonly kind: 'lmdb'; readonly path: string }
    | {
        readonly kind: 'redis';
        readonly url: string;
        /** How many shards the books have; by default 1. */
        readonly shardCount?: number;
        readonly tls?: Tls;
        /** How many replicas must have a write before it counts; by default the server must sync it. */
        readonly replicas?: number;
        readonly allowsUnconfirmed?: boolean;
      }
  );

/** An entry of `PROCESSORS`. The fee is in parts per million of the amount. */
export interface ListedProcessor {
  readonly name: string;
  readonly feePpm: number;
  /** http or https, without a trailing slash; may contain credentials. */
  readonly url: string;
}

/** The token that a processor requires from its administrators. */
export interface ProcessorToken {
  readonly processor: string;
  readonly token: string;
}

/** Each thread of each instance has a connection for each shard. */
export const SHARDS_MAX = 64;

/** Files of variables are not always read by a shell, which would remove the quotes. */
export function isQuoted(text: string): boolean {
  return /^(["']).*\1$/s.test(text) && text.length > 1;
}

export function parseInteger(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

export function integerFault(text: string, unit: string): string | undefined {
  if (/^\d+$/.test(text)) return 'is out of range';
  return /^\d+(\.\d+)?\s*[a-z%/]+$/i.test(text)
    ? `is invalid: leave out the unit, which is always ${unit}`
    : undefined;
}

export function parsePowerOfTwo(text: string, min: number, max: number): number | undefined {
  const value = parseInteger(text, min, max);
  return value !== undefined && Number.isInteger(Math.log2(value)) ? value : undefined;
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Totals of whole minutes are what is left, so less makes no difference; ten years are more than any law asks for. */
const [RETENTION_MIN_MS, RETENTION_MAX_MS] = [60_000, 3650 * UNITS_MS.d];

/** Milliseconds; Infinity for `forever`. */
export function parseRetention(text: string): number | undefined {
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  const [, count = '', unit] = /^(\d{1,7})([mhd])$/.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return ms >= RETENTION_MIN_MS && ms <= RETENTION_MAX_MS ? ms : undefined;
}

/** Milliseconds. Events are not kept forever. */
export function parseEventsRetention(text: string): number | undefined {
  return text === 'forever' ? undefined : parseRetention(text);
}

export function retentionFault(text: string): string | undefined {
  if (/^\d+[mhd]$/.test(text)) return 'is out of range';
  return /^\d+$/.test(text) ? 'is invalid: the unit is missing' : undefined;
}

/** Whole cents of a plain decimal: `12`, `12.5` or `12.50`. */
export function parseAmount(text: string): number | undefined {
  const [, whole = '', fraction = ''] = /^(\d{1,14})(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  return parseInteger(whole + fraction.padEnd(2, '0'), 1, Number.MAX_SAFE_INTEGER);
}

export function parseRatio(text: string): number | undefined {
  return /^(0(\.\d{1,6})?|1(\.0{1,6})?)$/.test(text) ? Number(text) : undefined;
}

export function parsePath(text: string): string | undefined {
  return pathFault(text) === undefined ? text : undefined;
}

/** Only a shell expands `~`, and trailing white space cannot be seen. */
export function pathFault(text: string): string | undefined {
  if (text !== text.trim()) return 'is invalid: it starts or ends with white space';
  return /^~(\/|$)/.test(text) ? 'is invalid: `~` is not expanded, so write the full path' : undefined;
}

export function parseHttpUrl(text: string): string | undefined {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null || url.search !== '' || url.hash !== '') return undefined;
  if (!isDecodable(url.username) || !isDecodable(url.password)) return undefined;
  return url.href.replace(/\/+$/, '');
}

/** A URL with `{instance}` in place of the id of an instance; an empty text stays empty. */
export function parseInstanceUrl(text: string): string | undefined {
  if (text === '') return '';
  if (!text.includes('{instance}')) return undefined;
  const url = parseHttpUrl(text.replaceAll('{instance}', 'instance'));
  return url === undefined || new URL(url).username !== '' ? undefined : text.replace(/\/+$/, '');
}

/** Only this machine: the page of the dashboard is allowed to talk to this address. */
export function parseLab(text: string): string | null | undefined {
  if (text === '') return null;
  return /^http:\/\/127\.0\.0\.1:\d{1,5}\/#[\w-]{16,64}$/.test(text) ? text : undefined;
}

export function parseLedger(text: string): LedgerTarget | undefined {
  if (ledgerFault(text) !== undefined) return undefined;
  if (text.startsWith('lmdb:')) return { kind: 'lmdb', path: text.slice('lmdb:'.length) };
  if (text.startsWith('redis+unix:')) {
    const address = parseAddress(text.slice('redis+'.length));
    const isPlain = address?.kind === 'unix' && !/[?#]/.test(address.path);
    return isPlain ? { kind: 'redis', url: `unix://${address.path}` } : undefined;
  }
  return /^redis/.test(text) && parseRedisUrl(text) !== undefined ? { kind: 'redis', url: text } : undefined;
}

export function ledgerFault(text: string): string | undefined {
  if (/^rediss?(-\w+)?:.*[?#]/s.test(text)) return 'is invalid: a query or fragment has no effect';
  if (!text.startsWith('lmdb:')) return undefined;
  const path = text.slice('lmdb:'.length);
  if (path === '') return 'is invalid: the path is missing';
  // `lmdb://data` would be the absolute path /data, which is hardly what was meant.
  const name = /^\/\/([^/].*)$/s.exec(path)?.[1];
  if (name === undefined) return pathFault(path);
  return `is invalid: an \`lmdb:\` URL has no host; write lmdb:./${name} or lmdb:/${name}`;
}

export function parseProcessors(text: string): ListedProcessor[] | undefined {
  if (processorsFault(text) !== undefined) return undefined;
  return entriesOf(text)
    .map(parseProcessor)
    .filter((processor) => processor !== undefined);
}

/** What is wrong with the first invalid entry, or with the list. */
export function processorsFault(text: string): string | undefined {
  const entries = entriesOf(text);
  for (const [index, entry] of entries.entries()) {
    const fault = processorFault(entry);
    if (fault !== undefined) return entryFault(index, fault);
  }
  return listFault(entries.map((entry) => splitProcessor(entry)[0]));
}

function entriesOf(list: string): string[] {
  return list === '' ? [] : list.split(',').map((entry) => entry.trim());
}

export const PROCESSOR_NAME = /^[a-z0-9-]{1,32}$/;

function parseProcessor(entry: string): ListedProcessor | undefined {
  const [name, fee, urlText] = splitProcessor(entry);
  const url = parseHttpUrl(urlText);
  const feePpm = parseFee(fee);
  if (!PROCESSOR_NAME.test(name) || feePpm === undefined || url === undefined) return undefined;
  return { name, feePpm, url };
}

function processorFault(entry: string): string | undefined {
  const [name, fee, url] = splitProcessor(entry);
  if (entry === '') return 'is empty';
  if (!PROCESSOR_NAME.test(name)) return 'has no valid name, such as `cheap`, before its first colon';
  if (parseFee(fee) === undefined)
    return `(\`${name}\`) has no valid fee, such as 0.05, after its first colon`;
  if (parseHttpUrl(url) === undefined)
    return `(\`${name}\`) has no valid http or https URL after its second colon`;
  return undefined;
}

function splitProcessor(entry: string): [name: string, fee: string, url: string] {
  const [name = '', fee = '', ...url] = entry.split(':');
  return [name, fee, url.join(':')];
}

/** A share in parts per million. */
export function parseFee(text: string): number | undefined {
  const [, whole = '', fraction = ''] = /^([01])(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  const feePpm = Number(whole + fraction.padEnd(6, '0'));
  return whole === '' || feePpm > 1_000_000 ? undefined : feePpm;
}

export function parseTokens(text: string): ProcessorToken[] | undefined {
  if (tokensFault(text) !== undefined) return undefined;
  return entriesOf(text).map(splitToken);
}

export function tokensFault(text: string): string | undefined {
  const tokens = entriesOf(text).map(splitToken);
  for (const [index, { processor, token }] of tokens.entries()) {
    if (!PROCESSOR_NAME.test(processor)) return entryFault(index, 'has no valid processor name before `=`');
    if (isQuoted(token))
      return entryFault(index, `(\`${processor}\`) has quotes around its token, so leave them out`);
    if (!/^[\x21-\x7e]{1,200}$/.test(token))
      return entryFault(index, `(\`${processor}\`) has no valid token after \`=\``);
  }
  return listFault(tokens.map(({ processor }) => processor));
}

/** An entry without `=` may be a bare token, which no complaint may show: it gets an empty name. */
function splitToken(entry: string): ProcessorToken {
  const at = entry.indexOf('=');
  return { processor: entry.slice(0, Math.max(at, 0)), token: entry.slice(at + 1) };
}

function entryFault(index: number, fault: string): string {
  return `is invalid: entry ${index + 1} ${fault}`;
}

function listFault(names: readonly string[]): string | undefined {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) return `is invalid: \`${repeated}\` is listed more than once`;
  return names.length > PROCESSORS_MAX ? `is invalid: it has ${names.length} entries` : undefined;
}
