import { isOneEditApart } from '../../core/edit-distance.ts';
import { shownValue } from '../../core/environment.ts';
import { SetupError } from '../../core/setup-error.ts';

/** One option of a contract: how its value is checked, and its row in docs/contracts.md. */
export interface Option<Value> {
  readonly default: Value;
  /** Completes a complaint: "expected …". */
  readonly expected: string;
  readonly about: string;
  /** `value` comes from a file of the user. Undefined: it is invalid. */
  read(value: unknown): Value | undefined;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** Checks the options of a contract. Throws a `SetupError` of one line, which names the option. */
export function readOptions<Table extends OptionTable>(
  contract: string,
  table: Table,
  given: Readonly<Record<string, unknown>>,
): OptionValues<Table> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) throw new SetupError(unknownOption(contract, name, Object.keys(table)));
  }
  const values = Object.entries(table).map(([name, option]) => {
    const value = given[name];
    const read = value === undefined ? option.default : option.read(value);
    if (read === undefined) throw invalidOption(contract, name, value, option.expected);
    return [name, read];
  });
  return Object.fromEntries(values);
}

export function invalidOption(contract: string, name: string, value: unknown, expected: string): SetupError {
  const shown =
    typeof value === 'string' ? shownValue(value) : shownValue(JSON.stringify(value) ?? 'nothing');
  return new SetupError(`option ${name} of the contract ${contract} is ${shown}; expected ${expected}`);
}

function unknownOption(contract: string, name: string, known: readonly string[]): string {
  const near = known.find((each) => isOneEditApart(name, each));
  const expected = known.length === 0 ? 'it takes none' : `expected one of ${known.join(', ')}`;
  const hint = near === undefined ? expected : `did you mean ${near}?`;
  return `the contract ${contract} has no option ${shownValue(name)}; ${hint}`;
}

const OR = new Intl.ListFormat('en-GB', { type: 'disjunction' });

export function choice<const Value extends string>(
  values: readonly Value[],
  standard: NoInfer<Value>,
  about: string,
): Option<Value> {
  const expected = OR.format(values.map((value) => `\`${value}\``));
  return { default: standard, expected, about, read: (value) => values.find((each) => each === value) };
}

/** The name of a member of a JSON object. */
export function memberName(standard: string, about: string): Option<string> {
  return text(/^[^\p{C}]{1,100}$/u, standard, 'a name of at most 100 characters', about);
}

export function text(pattern: RegExp, standard: string, expected: string, about: string): Option<string> {
  const read = (value: unknown) => (typeof value === 'string' && pattern.test(value) ? value : undefined);
  return { default: standard, expected, about, read };
}

/** Names that an answer may contain, at least one. */
export function names(standard: readonly string[], about: string): Option<readonly string[]> {
  const read = (value: unknown) => {
    const isSound = Array.isArray(value) && value.length > 0 && value.every(isName);
    return isSound ? value : undefined;
  };
  return { default: standard, expected: 'a list of names', about, read };
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Constant members. `expected` says what `isSound` requires of each. */
export function members<Value>(
  isSound: (name: string, value: unknown) => value is Value,
  expected: string,
  about: string,
): Option<Readonly<Record<string, Value>>> {
  const read = (value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value).filter((entry): entry is [string, Value] => isSound(...entry));
    return entries.length === Object.keys(value).length ? Object.fromEntries(entries) : undefined;
  };
  return { default: {}, expected, about, read };
}
