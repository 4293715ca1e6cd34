import { readBoundedFile } from '../core/bounded-file.ts';
import { shownValue } from '../core/environment.ts';
import { errorReason } from '../core/reason.ts';
import { parseTimestamp } from '../core/time-window.ts';
import { type ApiKey, SCOPES, type Scope } from './api-key.ts';
import { type Field, integer, list, mapping, type Report, scalar } from './file-field.ts';
import { alternatives } from './setting.ts';
import { type FileValue, fileValueOf, problemLine } from './yaml-file.ts';

/** More than a gateway answers. */
export const RATE_MAX = 100_000;

/** Enough for every client of a gateway. */
const KEYS_MAX = 256;

export const KEY_NAME = /^[A-Za-z0-9._-]{1,32}$/;
const DIGEST = /^[0-9a-f]{64}$/;

const SCOPE: Field<Scope> = scalar({
  about: 'What the key may do.',
  expected: alternatives(SCOPES),
  schema: { enum: SCOPES },
  parse: (text) => SCOPES.find((scope) => scope === text),
});

const KEY = mapping({
  about: 'One key.',
  required: ['name', 'scopes', 'sha256'],
  members: {
    name: scalar({
      about: 'Whose key it is. Two keys may have the same name while a client changes its key.',
      expected: '1 to 32 of `A-Z a-z 0-9 . _ -`',
      schema: { type: 'string', pattern: KEY_NAME.source },
      parse: (text) => (KEY_NAME.test(text) ? text : undefined),
    }),
    scopes: list({ about: 'What it may do.', item: SCOPE, max: SCOPES.length }),
    sha256: scalar({
      about: 'The SHA-256 of the key, as `dinossauro keys new` prints it.',
      expected: '64 of `0-9 a-f`: the SHA-256 of the key, not the key itself',
      schema: { type: 'string', pattern: DIGEST.source },
      // Somebody may have written the key itself.
      isSecret: true,
      parse: (text) => (DIGEST.test(text) ? text : undefined),
    }),
    expires: scalar({
      about: 'From when on it is refused: a date, or a date and a time, in UTC unless it says otherwise.',
      default: 'never',
      expected: 'an ISO 8601 timestamp, such as 2027-01-31 or 2027-01-31T12:00:00Z',
      schema: { type: 'string' },
      parse: parseExpiry,
    }),
    perSecond: integer({
      about: 'Requests for payments a second, at each HTTP thread of each instance.',
      default: 'no limit',
      unit: 'requests/s',
      min: 1,
      max: RATE_MAX,
    }),
    burst: integer({
      about: 'How many of them may come at once.',
      default: '`perSecond`',
      unit: 'requests',
      min: 1,
      max: RATE_MAX,
    }),
  },
});

/** Far more than all keys need. */
export const KEYS_FILE_MAX_BYTES = 262_144;

export type KeysFileReading =
  | { readonly kind: 'ok'; readonly keys: readonly ApiKey[] }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/** Reads a keys file, and reports everything that is wrong, one line each. */
export function readKeysFile(path: string): KeysFileReading {
  try {
    return parseKeysFile(path, readBoundedFile(path, KEYS_FILE_MAX_BYTES));
  } catch (error) {
    return { kind: 'wrong', problems: [`${shownValue(path)} cannot be read: ${errorReason(error)}.`] };
  }
}

/**
 * One key a line, in JSON; empty lines and those that begin with `#` are skipped. It is not YAML, like the processors
 * file, because an HTTP thread reads it again while clients wait, and JSON takes less than a millisecond.
 */
export function parseKeysFile(path: string, text: string): KeysFileReading {
  const problems: string[] = [];
  const keys: ApiKey[] = [];
  const shown = shownValue(path);
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const report: Report = ({ text: problem }) =>
      problems.push(problemLine(shown, { line: index + 1, text: problem }));
    const key = readKey(line, report);
    if (keys.some(({ digest }) => digest === key?.digest))
      report({ line: 0, text: 'the key is in an earlier line as well: expected each key once' });
    if (key !== null) keys.push(key);
  }
  if (problems.length === 0 && (keys.length === 0 || keys.length > KEYS_MAX))
    problems.push(`${shown} has ${keys.length} keys: expected 1 to ${KEYS_MAX}.`);
  return problems.length === 0 ? { kind: 'ok', keys } : { kind: 'wrong', problems };
}

/** The key in a line; null: something is wrong with it, and has been reported. */
function readKey(line: string, report: Report): ApiKey | null {
  const value = jsonOf(line);
  if (value?.kind !== 'mapping') {
    report({ line: 0, text: 'the line is not a JSON object: expected what `dinossauro keys new` prints' });
    return null;
  }
  const read = KEY.read(value, '', report) ?? {};
  const {
    name,
    scopes,
    sha256: digest,
    expires: expiresAtMs = Infinity,
    perSecond,
    burst = perSecond,
  } = read;
  if (name === undefined || scopes === undefined || digest === undefined) return null;
  if (perSecond === undefined && burst !== undefined)
    report({ line: 0, text: 'burst would not be used: expected perSecond as well' });
  const limit = perSecond === undefined || burst === undefined ? null : { perSecond, burst };
  return { name, scopes: scopes.filter((scope) => scope !== undefined), digest, expiresAtMs, limit };
}

/** The line for a key in a keys file. */
export function keyLine({ name, scopes, digest, expiresAtMs, limit }: ApiKey): string {
  const expires = expiresAtMs === Infinity ? {} : { expires: new Date(expiresAtMs).toISOString() };
  return JSON.stringify({ name, scopes, sha256: digest, ...expires, ...limit });
}

function jsonOf(line: string): FileValue | null {
  try {
    return fileValueOf(JSON.parse(line));
  } catch {
    return null;
  }
}

function parseExpiry(text: string): number | undefined {
  return parseTimestamp(text, Math.floor) ?? undefined;
}
