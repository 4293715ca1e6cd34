import { isOneEditApart } from './edit-distance.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const SHOWN_MAX = 200;

/** Formats a value for an error message: quoted if it has spaces or unprintable characters, and cut if long. */
export function shownValue(text: string): string {
  const shown = /^[!-~]+$/.test(text) ? text : JSON.stringify(text);
  return shown.length <= SHOWN_MAX ? shown : `${shown.slice(0, SHOWN_MAX)}…`;
}

/** Shorter names are one letter away from too many unrelated variables. */
const NEAR_MIN_LETTERS = 5;
/** The last word of a setting's name, which people omit or write in another unit. */
const UNIT = /_(MS|S|SEC|SECS|SECONDS|MILLIS|MIN|MINUTES|BYTES|KB|URL|URI|DIR|FILE|PATH)$/;
const OUR_PREFIX = 'DINOSSAURO_';

/** Variables that other programs read, and our setting for the same purpose. */
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
/** conda and tcsh set HOST to a compiler triple, which is not a host. */
const IS_HOST = /^(localhost|[\d.]+|\[?[\da-f:]*:[\da-f:]*\]?)$/i;

/**
 * One warning for each variable that was probably meant for us but that we do not read: names that resemble one of our
 * `settings`, and names that other programs use for a setting that is absent.
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

/** The warning about a name that resembles one of our `settings`, or null. */
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
