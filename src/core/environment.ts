import { isOneEditApart } from './edit-distance.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const SHOWN_MAX = 200;

/** A value for one line of an error: quoted where it would be unclear where it begins or ends, of bounded length. */
export function shownValue(text: string): string {
  const shown = /^[!-~]+$/.test(text) ? text : JSON.stringify(text);
  return shown.length <= SHOWN_MAX ? shown : `${shown.slice(0, SHOWN_MAX)}…`;
}

/** Shorter names are one letter from too much that has nothing to do with us. */
const NEAR_MIN_LETTERS = 5;
/** The last word of a setting's name that people leave out, or write in another unit. */
const UNIT = /_(MS|S|SEC|SECS|SECONDS|MILLIS|MIN|MINUTES|BYTES|KB|URL|URI|DIR|FILE|PATH)$/;
const OUR_PREFIX = 'DINOSSAURO_';

/** Variables that other programs read, and which of our settings does the same. */
const WELL_KNOWN: readonly { readonly name: string; readonly setting: string; readonly instead: string }[] = [
  { name: 'PORT', setting: 'LISTEN', instead: 'LISTEN=host:port' },
  { name: 'HOST', setting: 'LISTEN', instead: 'LISTEN=host:port' },
  { name: 'BIND', setting: 'LISTEN', instead: 'LISTEN=host:port' },
  { name: 'REDIS_URL', setting: 'LEDGER_URL', instead: 'LEDGER_URL=redis://host:port' },
  { name: 'REDIS_HOST', setting: 'LEDGER_URL', instead: 'LEDGER_URL=redis://host:port' },
  { name: 'DATABASE_URL', setting: 'LEDGER_URL', instead: 'LEDGER_URL=lmdb:path or redis://host:port' },
  { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', setting: 'OTLP_URL', instead: 'OTLP_URL=http://host:4318' },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', setting: 'OTLP_URL', instead: 'OTLP_URL=http://host:4318' },
];
/** A compiler's triple under this name, which conda and tcsh set, is not meant for us. */
const IS_HOST = /^(localhost|[\d.]+|\[?[\da-f:]*:[\da-f:]*\]?)$/i;

/**
 * Variables that somebody seems to have set for us and that we do not read, in one line each: names that are nearly
 * one of our `settings`, and names that other programs read for the same purpose while that setting is absent.
 */
export function strayVariables(environment: Environment, settings: readonly string[]): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!value || settings.includes(name)) return [];
    const known = WELL_KNOWN.find((each) => each.name === name && settings.includes(each.setting));
    if (known === undefined) return strayVariable(name, settings) ?? [];
    const isMeant = !environment[known.setting] && (name !== 'HOST' || IS_HOST.test(value));
    return isMeant ? `${name} is not a setting; set ${known.instead}.` : [];
  });
}

/** The complaint about a name that is nearly one of our `settings`, or null. */
export function strayVariable(name: string, settings: readonly string[]): string | null {
  const upper = name.toUpperCase();
  const bare = upper.startsWith(OUR_PREFIX) ? upper.slice(OUR_PREFIX.length) : upper;
  const near = settings.find((setting) => setting === bare || isNear(bare, setting));
  return near === undefined ? null : `${name} is not a setting; did you mean ${near}?`;
}

function isNear(name: string, setting: string): boolean {
  if (name.length < NEAR_MIN_LETTERS) return false;
  if (isOneEditApart(name, setting) || sortedWords(name) === sortedWords(setting)) return true;
  return UNIT.test(setting) && stemOf(name) === stemOf(setting);
}

function sortedWords(name: string): string {
  return name.split('_').sort().join('_');
}

function stemOf(name: string): string {
  return name.replace(UNIT, '');
}
