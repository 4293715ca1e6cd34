import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Document, LineCounter, Node } from 'yaml';
import { errorReason } from '../core/reason.ts';

/**
 * A YAML file as values that know their lines. Scalars keep their text, so that no amount goes through a float. The
 * library is loaded with the first file: most gateways read none.
 */
export type FileValue = FileScalar | FileMapping | FileList;

export interface FileScalar {
  readonly kind: 'scalar';
  readonly line: number;
  /** As written, without quotes; empty: nothing. */
  readonly text: string;
  /** As YAML reads it: text, a number, true, false or null. */
  readonly value: unknown;
}

export interface FileMapping {
  readonly kind: 'mapping';
  readonly line: number;
  readonly members: ReadonlyMap<string, FileMember>;
}

export interface FileMember {
  /** The line of its name. */
  readonly line: number;
  readonly value: FileValue;
}

export interface FileList {
  readonly kind: 'list';
  readonly line: number;
  readonly items: readonly FileValue[];
}

export interface FileProblem {
  /** 0: the file as a whole. */
  readonly line: number;
  /** What is wrong, as a sentence without its full stop. */
  readonly text: string;
}

/** A problem of this file as people read it. */
export function problemLine(path: string, { line, text }: FileProblem): string {
  return `${path}${line === 0 ? '' : `:${line}:`} ${text}${text.endsWith('?') ? '' : '.'}`;
}

export type YamlReading =
  | { readonly kind: 'ok'; readonly root: FileValue }
  | { readonly kind: 'wrong'; readonly problems: readonly FileProblem[] };

/** Far more than sixteen processors need. */
const SIZE_MAX_BYTES = 1_048_576;
/** Aliases can make a short file endless. */
const VALUES_MAX = 10_000;
const DEPTH_MAX = 32;

export function readYaml(path: string): YamlReading {
  let text: string;
  try {
    if (statSync(path).size > SIZE_MAX_BYTES) return wrong(0, `is larger than ${SIZE_MAX_BYTES} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return wrong(0, `cannot be read: ${errorReason(error)}`);
  }
  return parseYaml(text);
}

function parseYaml(text: string): YamlReading {
  const yaml: typeof import('yaml') = createRequire(import.meta.url)('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const problems = faults.map(({ pos: [at], message }) => ({
      line: lines.linePos(at).line,
      text: `is not valid YAML: ${message.replace(/\s+/g, ' ')}`,
    }));
    return { kind: 'wrong', problems };
  }
  if (document.contents === null) return wrong(0, 'is empty');
  try {
    return { kind: 'ok', root: new Reader(yaml, document, lines).read(document.contents, 0) };
  } catch (error) {
    if (error instanceof Unreadable) return wrong(error.line, error.message);
    throw error;
  }
}

/** Plain data, as JSON has it, as a value of a file. It knows no lines. */
export function fileValueOf(value: unknown): FileValue {
  const line = 0;
  if (Array.isArray(value)) return { kind: 'list', line, items: value.map(fileValueOf) };
  if (typeof value !== 'object' || value === null)
    return { kind: 'scalar', line, text: value === null ? '' : String(value), value };
  const members = Object.entries(value).map(
    ([name, member]) => [name, { line, value: fileValueOf(member) }] as const,
  );
  return { kind: 'mapping', line, members: new Map(members) };
}

/** The value as plain data, for those who want numbers and texts as YAML reads them. */
export function plainOf(value: FileValue): unknown {
  switch (value.kind) {
    case 'scalar':
      return value.value;
    case 'list':
      return value.items.map(plainOf);
    case 'mapping':
      return Object.fromEntries([...value.members].map(([name, member]) => [name, plainOf(member.value)]));
  }
}

class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

class Reader {
  readonly #yaml: typeof import('yaml');
  readonly #document: Document;
  readonly #lines: LineCounter;
  #count = 0;

  constructor(yaml: typeof import('yaml'), document: Document, lines: LineCounter) {
    this.#yaml = yaml;
    this.#document = document;
    this.#lines = lines;
  }

  read(node: unknown, depth: number): FileValue {
    const line = this.#lineOf(node);
    if (depth > DEPTH_MAX) throw new Unreadable(line, `nests more than ${DEPTH_MAX} levels deep`);
    if (++this.#count > VALUES_MAX) throw new Unreadable(line, `has more than ${VALUES_MAX} values`);
    const { isAlias, isMap, isSeq, isScalar } = this.#yaml;
    if (isAlias(node)) return this.read(node.resolve(this.#document), depth + 1);
    if (isSeq(node))
      return { kind: 'list', line, items: node.items.map((item) => this.read(item, depth + 1)) };
    if (isMap(node)) {
      const members = new Map<string, FileMember>();
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.source ?? key.value) : '';
        // A name without a value has no node.
        const empty: FileScalar = { kind: 'scalar', line: this.#lineOf(key), text: '', value: null };
        const read = value === null ? empty : this.read(value, depth + 1);
        members.set(name, { line: this.#lineOf(key), value: read });
      }
      return { kind: 'mapping', line, members };
    }
    if (!isScalar(node)) return { kind: 'scalar', line, text: '', value: null };
    const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
    return { kind: 'scalar', line, text, value: node.value };
  }

  #lineOf(node: unknown): number {
    const at = (node as Node | null)?.range?.[0];
    return at === undefined ? 0 : this.#lines.linePos(at).line;
  }
}

function wrong(line: number, text: string): YamlReading {
  return { kind: 'wrong', problems: [{ line, text }] };
}
