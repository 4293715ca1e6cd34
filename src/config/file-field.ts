import { isOneEditApart } from '../core/edit-distance.ts';
import { shownValue } from '../core/environment.ts';
import { integerFault, parseInteger } from './parsers.ts';
import { alternatives, masked } from './setting.ts';
import { type FileMapping, type FileProblem, type FileValue, plainOf } from './yaml-file.ts';

/**
 * What may stand at a place of a configuration file. The same field checks the file, and is described by it in the JSON
 * Schema and in the documentation, so that there is one list of them.
 */
export interface Field<Value> {
  readonly about: string;
  /** Completes `expected …`. */
  readonly expected: string;
  /** The default, for people; empty: none. */
  readonly default: string;
  /** The JSON Schema, without the description. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** The members of a mapping, or of the items of a list. */
  readonly members?: Fields;
  readonly required?: readonly string[];
  /** Undefined: something is wrong with it, and has been reported. */
  read(value: FileValue, path: string, report: Report): Value | undefined;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Report = (problem: FileProblem) => void;
/** What a field reads. */
export type ValueOf<F> = F extends Field<infer Value> ? Value : never;

interface Described {
  readonly about: string;
  readonly default?: string;
}

interface Scalar<Value> extends Described {
  readonly expected: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** The value contains credentials in a URL. */
  readonly isUrl?: boolean;
  /** No complaint may show the value. */
  readonly isSecret?: boolean;
  /** Undefined: the text is invalid. */
  parse(text: string): Value | undefined;
  faultOf?(text: string): string | undefined;
}

export function scalar<Value>(described: Scalar<Value>): Field<Value> {
  const { about, expected, schema, isUrl = false, isSecret = false, parse, faultOf } = described;
  return {
    about,
    expected,
    default: described.default ?? '',
    schema,
    read: (value, path, report) => {
      if (value.kind !== 'scalar') {
        report({ line: value.line, text: `${path} is a ${value.kind}: expected ${expected}` });
        return undefined;
      }
      const { text, line } = value;
      const parsed = text === '' ? undefined : parse(text);
      if (parsed !== undefined) return parsed;
      const fault = text === '' ? 'is empty' : (faultOf?.(text) ?? 'is invalid');
      const shown = text === '' ? '' : `: ${isSecret ? '***' : shownValue(isUrl ? masked(text) : text)}`;
      const colon = fault.includes(':') ? ';' : ':';
      report({ line, text: `${path}${shown} ${fault}${colon} expected ${expected}` });
      return undefined;
    },
  };
}

interface Integer extends Described {
  readonly unit: string;
  readonly min: number;
  readonly max: number;
}

export function integer({ unit, min, max, ...described }: Integer): Field<number> {
  return scalar({
    ...described,
    expected: `a whole number from ${min} to ${max}`,
    schema: { type: 'integer', minimum: min, maximum: max },
    parse: (text) => parseInteger(text, min, max),
    faultOf: (text) => integerFault(text, unit),
  });
}

/** A mapping with these members. Those in `required` must be there. */
export function mapping<const Members extends Fields>({
  about,
  members,
  required = [],
}: {
  readonly about: string;
  readonly members: Members;
  readonly required?: readonly (keyof Members & string)[];
}): Field<{ readonly [Name in keyof Members]?: ValueOf<Members[Name]> }> {
  const names = Object.keys(members);
  const expected = `a mapping with ${alternatives(names)}`;
  return {
    about,
    expected,
    default: '',
    members,
    required,
    schema: {
      type: 'object',
      additionalProperties: false,
      ...(required.length > 0 && { required }),
      properties: Object.fromEntries(
        Object.entries(members).map(([name, field]) => [name, schemaOf(field)] as const),
      ),
    },
    read: (value, path, report) => {
      if (value.kind !== 'mapping') {
        report({ line: value.line, text: `${at(path)} is a ${value.kind}: expected ${expected}` });
        return undefined;
      }
      reportUnknown(value, path, names, report);
      for (const name of required) {
        const field = members[name];
        if (value.members.has(name) || field === undefined) continue;
        report({ line: value.line, text: `${join(path, name)} is missing: expected ${field.expected}` });
      }
      const read = Object.entries(members).map(([name, field]) => {
        const member = value.members.get(name);
        return [name, member === undefined ? undefined : field.read(member.value, join(path, name), report)];
      });
      return Object.fromEntries(read);
    },
  };
}

/** A list of such items, at least one. */
export function list<Value>({
  about,
  item,
  max,
}: {
  readonly about: string;
  readonly item: Field<Value>;
  readonly max: number;
}): Field<readonly (Value | undefined)[]> {
  const expected = `a list of 1 to ${max} entries`;
  return {
    about,
    expected,
    default: '',
    members: item.members ?? {},
    required: item.required ?? [],
    schema: { type: 'array', minItems: 1, maxItems: max, items: schemaOf(item) },
    read: (value, path, report) => {
      const count = value.kind === 'list' ? value.items.length : 0;
      if (value.kind !== 'list' || count === 0 || count > max) {
        const seen = value.kind === 'list' ? `has ${count} entries` : `is a ${value.kind}`;
        report({ line: value.line, text: `${path} ${seen}: expected ${expected}` });
        return undefined;
      }
      return value.items.map((each, index) => item.read(each, `${path}[${index}]`, report));
    },
  };
}

/** A mapping that others read. */
export function anything(about: string): Field<Readonly<Record<string, unknown>>> {
  const expected = 'a mapping';
  return {
    about,
    expected,
    default: '',
    schema: { type: 'object' },
    read: (value, path, report) => {
      if (value.kind === 'mapping') return plainOf(value) as Readonly<Record<string, unknown>>;
      report({ line: value.line, text: `${path} is a ${value.kind}: expected ${expected}` });
      return undefined;
    },
  };
}

/** The JSON Schema of a field, with its description. */
export function schemaOf({ about, schema, default: fallback }: Field<unknown>): Record<string, unknown> {
  const description = fallback === '' ? about : `${about} Default: ${fallback}.`;
  return { description, ...schema };
}

/** The line of the deepest of these members that is there: `['limits', 'minAmount']`. */
export function lineOf(value: FileValue, names: readonly string[]): number {
  const [name, ...others] = names;
  const member = value.kind === 'mapping' && name !== undefined ? value.members.get(name) : undefined;
  if (member === undefined) return value.line;
  return others.length === 0 ? member.line : lineOf(member.value, others);
}

function reportUnknown(
  { members }: FileMapping,
  path: string,
  names: readonly string[],
  report: Report,
): void {
  for (const [name, { line }] of members) {
    if (names.includes(name)) continue;
    const near = names.find((known) => normalized(known) === normalized(name) || isOneEditApart(known, name));
    const advice = near === undefined ? `expected ${alternatives(names)}` : `did you mean \`${near}\`?`;
    report({
      line,
      text: `${join(path, shownValue(name))} is not known${near === undefined ? ':' : ';'} ${advice}`,
    });
  }
}

/** `call_ms`, `CallMS` and `callMs` are meant alike. */
function normalized(name: string): string {
  return name.replace(/[-_\s]/g, '').toLowerCase();
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function at(path: string): string {
  return path === '' ? 'the file' : path;
}
