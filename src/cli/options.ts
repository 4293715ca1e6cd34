import { parseArgs } from 'node:util';
import { nearest } from './nearest.ts';

/** One option of a command: `--name`, with a value unless it is a flag. `parse` gives undefined for what is wrong. */
export interface Option<Value> {
  /** What stands for the value in the help; empty for a flag, which has none. */
  readonly placeholder: string;
  readonly about: string;
  readonly allowed: string;
  /** The value without the option. */
  readonly fallback: Value;
  /** Given several times, it gathers a list. */
  readonly isList?: boolean;
  parse(text: string): Value | undefined;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer Value> ? Value : never;
};

export type OptionsReading<O extends Options> =
  | { readonly kind: 'ok'; readonly values: Values<O>; readonly rest: readonly string[] }
  /** One line. */
  | { readonly kind: 'wrong'; readonly reason: string };

/** Reads what follows the name of a command; `restLimit` words may be there that are no options. */
export function readOptions<O extends Options>(
  options: O,
  args: readonly string[],
  restLimit: number,
): OptionsReading<O> {
  const types = Object.entries(options).map(
    ([name, { placeholder }]) => [name, { type: placeholder === '' ? 'boolean' : 'string' }] as const,
  );
  // Not strict: its messages explain more than they say, and know no nearest match.
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  for (const [name, { fallback }] of Object.entries(options)) values[name] = fallback;
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const option = rawName.startsWith('--') ? options[name] : undefined;
    if (option === undefined) return wrong(unknownOption(rawName, options));
    const problem = take(values, rawName, name, option, value);
    if (problem !== null) return wrong(problem);
  }
  const extra = positionals[restLimit];
  if (extra !== undefined) return wrong(`'${extra}' is one word too many`);
  return { kind: 'ok', values: values as Values<O>, rest: positionals };
}

/** `unknown command 'strat': did you mean 'start'?` */
export function unknown(what: string, word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return `unknown ${what} '${word}'${near === undefined ? '' : `: did you mean '${near}'?`}`;
}

function unknownOption(rawName: string, options: Options): string {
  const names = Object.keys(options);
  if (names.length === 0) return `unknown option '${rawName}': settings come from the environment`;
  return unknown(
    'option',
    rawName,
    [...names, 'help'].map((name) => `--${name}`),
  );
}

/** What is wrong with it, or null. */
function take(
  values: Record<string, unknown>,
  rawName: string,
  name: string,
  option: Option<unknown>,
  text: string | undefined,
): string | null {
  if (option.placeholder === '') {
    if (text !== undefined) return `${rawName} takes no value`;
    values[name] = true;
    return null;
  }
  if (text === undefined) return `${rawName} needs a value: ${option.allowed}`;
  const value = option.parse(text);
  if (value === undefined) return `${rawName} '${text}' is wrong: allowed is ${option.allowed}`;
  values[name] = option.isList ? [...(values[name] as unknown[]), ...(value as unknown[])] : value;
  return null;
}

function wrong(reason: string): { readonly kind: 'wrong'; readonly reason: string } {
  return { kind: 'wrong', reason };
}

export function flag(about: string): Option<boolean> {
  return { placeholder: '', about, allowed: '', fallback: false, parse: () => true };
}

export function text(placeholder: string, about: string): Option<string | undefined>;
export function text(placeholder: string, about: string, fallback: string): Option<string>;
export function text(placeholder: string, about: string, fallback?: string): Option<string | undefined> {
  return { placeholder, about, allowed: 'any text', fallback, parse: (given) => given };
}

const WHOLE_MAX = 999_999_999;

export function whole(about: string, min: number): Option<number | undefined>;
export function whole(about: string, min: number, fallback: number): Option<number>;
export function whole(about: string, min: number, fallback?: number): Option<number | undefined> {
  const allowed = `a whole number from ${min} to ${WHOLE_MAX}`;
  const parse = (given: string) => {
    const value = /^\d{1,9}$/.test(given) ? Number(given) : -1;
    return value >= min ? value : undefined;
  };
  return { placeholder: 'N', about, allowed, fallback, parse };
}

export function oneOf<const Word extends string, const Fallback extends Word | undefined>(
  words: readonly Word[],
  about: string,
  fallback: Fallback,
): Option<Word | Fallback> {
  const parse = (given: string) => words.find((word) => word === given);
  return { placeholder: words.join('|'), about, allowed: words.join(', '), fallback, parse };
}

/** An http or https URL without path and query; the value is its origin. */
export function origin(about: string, fallback: string): Option<string> {
  const parse = (given: string) => {
    const url = /^https?:\/\//.test(given) ? URL.parse(given) : null;
    return url === null || url.pathname !== '/' || url.search !== '' ? undefined : url.origin;
  };
  return { placeholder: 'URL', about, allowed: 'an http or https URL without a path', fallback, parse };
}
