import { shownValue } from '../core/environment.ts';
import { readCertificates, readPrivateKey } from '../core/tls.ts';
import { integerFault, isQuoted, parseHttpUrl, parseInteger, parsePath, pathFault } from './parsers.ts';

/** One setting: where its value goes, how its text is checked, and its row in docs/settings.md. */
export interface Setting<Value, Field extends string = string> {
  /** The place of the value in `Config`, such as `backoff.baseMs`. Without one, `config.ts` combines it with others. */
  readonly field?: Field;
  readonly unit: string;
  /** Stands in for a variable that is absent or empty. Empty: the setting is optional. */
  readonly default: string;
  /** Completes a complaint: "expected …". */
  readonly expected: string;
  readonly about: string;
  /** The value may contain credentials in a URL, or is a secret as a whole. */
  readonly secret?: 'credentials' | 'whole';
  /** For a path: the setting whose value is in that file. */
  readonly holds?: string;
  /** Undefined: the text is invalid. */
  parse(text: string): Value | undefined;
  /** What is wrong with an invalid text, such as `is out of range`; undefined: nothing better than `is invalid`. */
  faultOf?(text: string): string | undefined;
}

export function setting<Value, const Field extends string = never>(
  described: Omit<Setting<Value, Field>, 'default'> & { readonly default?: string },
): Setting<Value, Field> {
  return { default: '', ...described };
}

interface Described<Field extends string> {
  readonly field?: Field;
  readonly about: string;
}

interface Integer {
  readonly unit: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export function integer<const Field extends string = never>({
  min,
  max,
  ...described
}: Described<Field> & Integer): Setting<number, Field> {
  return {
    ...described,
    default: String(described.default),
    expected: `a whole number from ${min} to ${max}`,
    parse: (text) => parseInteger(text, min, max),
    faultOf: (text) => integerFault(text, described.unit),
  };
}

export function oneOf<const Value extends string, const Field extends string = never>(
  described: Described<Field> & { readonly values: readonly Value[]; readonly default: NoInfer<Value> },
): Setting<Value, Field> {
  const { values, ...others } = described;
  const parse = (text: string) => values.find((value) => value === text);
  return { ...others, unit: 'enum', expected: alternatives(values), parse };
}

export function boolean<const Field extends string = never>(
  described: Described<Field> & { readonly default: boolean },
): Setting<boolean, Field> {
  const { parse, ...others } = oneOf({
    ...described,
    values: ['false', 'true'],
    default: `${described.default}`,
  });
  const parseBoolean = (text: string) => {
    const value = parse(text);
    return value === undefined ? undefined : value === 'true';
  };
  return { ...others, parse: parseBoolean };
}

export function httpUrl<const Field extends string = never>(described: {
  readonly field?: Field;
  readonly about: string;
}): Setting<string, Field> {
  return setting({
    ...described,
    unit: 'URL',
    expected: 'an http or https URL without a query',
    secret: 'credentials',
    parse: (text) => text && parseHttpUrl(text),
  });
}

export function certificates(about: string): Setting<string, never> {
  const parse = (path: string) => path && readCertificates(path);
  return setting({ unit: 'path', expected: 'a PEM file with certificates', about, parse });
}

/** The path of a file that holds another setting, which is a secret. `readConfig` reads it. */
export function secretFile(of: string, isWatched = false): Setting<string, never> {
  return setting({
    holds: of,
    unit: 'path',
    expected: 'a path',
    about: `A file with the value of \`${of}\`, instead of the variable. It is read at start${isWatched ? ', and again when it changes' : ''}.`,
    parse: parsePath,
    faultOf: pathFault,
  });
}

export function privateKey(about: string): Setting<string, never> {
  const parse = (path: string) => path && readPrivateKey(path);
  const expected = 'a PEM file with a private key without a passphrase';
  return setting({ unit: 'path', expected, about, parse });
}

/** `a`, `b`, or `c`, in code marks. */
export function alternatives(values: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(values.map((value) => `\`${value}\``));
}

/** The value of a setting, or undefined when the text is invalid. */
export function parseSetting<Value>({ parse }: Setting<Value>, text: string): Value | undefined {
  return isQuoted(text) ? undefined : parse(text);
}

/** One line about an invalid text: the setting, its value without secrets, what is wrong and what was expected. */
export function complaint(
  name: string,
  text: string,
  { expected, secret, faultOf }: Setting<unknown>,
): string {
  const fault = isQuoted(text) ? QUOTED : (faultOf?.(text) ?? 'is invalid');
  const shown = secret === 'whole' ? '***' : secret === 'credentials' ? masked(text) : text;
  return `${name}=${shownValue(shown)} ${fault}${fault.includes(':') ? ';' : ':'} expected ${expected}.`;
}

/** Docker and systemd read variables from files without a shell, so that quotes there become part of the value. */
const QUOTED = 'is invalid: the quotes are taken as part of the value, so leave them out';

/**
 * One URL or a list of them without passwords. The text may be malformed, so that no parser can find the password:
 * everything before the last `@` goes, and every query.
 */
export function masked(text: string): string {
  return text.replace(/^.*@/s, '***@').replace(/\?.*$/s, '?***');
}
