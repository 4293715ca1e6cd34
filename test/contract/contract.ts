import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

/** A request and its response. */
export interface Heard {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** The body of the request, if known. */
  readonly sent?: string | undefined;
  readonly status: number;
  /** With names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** An object in the document: a path, an operation, a response, a header or a schema. */
type Part = Readonly<Record<string, unknown>>;

/** A part and its path in the document. */
interface Place {
  readonly way: readonly string[];
  readonly part: Part;
}

/** Headers that belong to HTTP or to the library. */
const TRANSPORT_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
  'uwebsockets',
]);

/** What an operator's route may also answer to an unsupported method. */
const REFUSALS: readonly number[] = [401, 403, 404];

/** Checks responses against `openapi.yaml`. */
export class Contract {
  readonly document: Part;
  /** Every documented response that was seen, such as `POST /payments 422 /errors#amount-missing`. */
  readonly kept = new Set<string>();
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #patterns: readonly (readonly [path: string, pattern: RegExp])[];

  static read(): Contract {
    return new Contract(parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')));
  }

  constructor(document: Part) {
    this.document = document;
    this.#patterns = Object.keys(document['paths'] as Part).map((path) => [path, patternOf(path)]);
    this.#ajv = new Ajv2020({
      allErrors: true,
      strictTypes: false,
      strictRequired: false,
    });
    addFormats.default(this.#ajv);
    // Schemas are addressed by their path in the document, which is not itself a schema.
    this.#ajv.addVocabulary([...Object.keys(document), 'discriminator']);
    this.#ajv.addSchema({ $id: 'contract', ...document });
  }

  /** How the response violates the contract; null if it conforms. */
  fault(heard: Heard): string | null {
    const reason = this.#fault(heard);
    return reason === null ? null : `${heard.method} ${heard.target}: ${heard.status} ${reason}`;
  }

  /** Every documented response of a gateway, in the format of `kept`. */
  documented(): string[] {
    return Object.entries(this.document['paths'] as Part).flatMap(([path, operations]) =>
      Object.entries(operations as Part).flatMap(([method, operation]) =>
        Object.keys((operation as Part)['responses'] as Part).flatMap((status) => {
          const name = `${status === '405' ? '*' : method.toUpperCase()} ${path} ${status}`;
          const types = this.#typesOf(['paths', path, method, 'responses', status]);
          return types === null ? [name] : types.map((type) => `${name} ${type}`);
        }),
      ),
    );
  }

  /** The types of a problem response; null if it is not a problem. */
  #typesOf(answer: readonly string[]): string[] | null {
    const place = this.place(answer);
    const schema = place && this.place([...place.way, 'content', 'application/problem+json', 'schema']);
    if (!schema) return null;
    const type = this.place([...schema.way, 'allOf', '1', 'properties', 'type'])?.part;
    const types = (type?.['enum'] ?? [type?.['const']]) as string[];
    return types.filter((link) => link !== 'about:blank');
  }

  /** How a value violates the schema at this path of the document; null if it is valid. */
  mismatch(way: readonly string[], value: unknown): string | null {
    const fragment = way.map((name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1')));
    const pointer = `contract#/${fragment.join('/')}`;
    const known = this.#validators.get(pointer);
    const validator = known ?? this.#ajv.compile({ $ref: pointer });
    this.#validators.set(pointer, validator);
    return validator(value) ? null : this.#ajv.errorsText(validator.errors);
  }

  /** The part at this path, with references resolved. */
  place(way: readonly string[]): Place | null {
    const part = way.reduce<unknown>((whole, name) => (whole as Part | undefined)?.[name], this.document);
    if (part === undefined) return null;
    const reference = (part as Part)['$ref'];
    if (reference === undefined) return { way, part: part as Part };
    assert(typeof reference === 'string' && reference.startsWith('#/'));
    return this.place(reference.slice(2).split('/'));
  }

  #fault(heard: Heard): string | null {
    const { method, target, status } = heard;
    const path = this.#pathOf(target);
    const operation = path === null ? null : this.#operationOf(path, method);
    const answer = this.#answerTo(path, operation, status);
    if (answer === null) return 'is not documented';
    const fault =
      this.#headerFault(answer, heard) ??
      this.#bodyFault(answer, heard) ??
      (operation === null || status >= 300 ? null : this.#requestFault(operation, heard));
    if (fault === null) this.kept.add(nameOf(path ?? '*', operation === null ? '*' : method, heard));
    return fault;
  }

  /** The documented path that matches a request; null if there is none. */
  #pathOf(target: string): string | null {
    const [path = ''] = target.split('?');
    return this.#patterns.find(([, pattern]) => pattern.test(path))?.[0] ?? null;
  }

  /** HEAD is documented as GET. */
  #operationOf(path: string, method: string): Place | null {
    return this.place(['paths', path, method === 'HEAD' ? 'get' : method.toLowerCase()]);
  }

  #answerTo(path: string | null, operation: Place | null, status: number): Place | null {
    if (path === null) return status === 404 ? this.place(['components', 'responses', 'NoSuchRoute']) : null;
    if (operation !== null) return this.place([...operation.way, 'responses', String(status)]);
    const other = ['GET', 'POST', 'PATCH']
      .map((method) => this.#operationOf(path, method))
      .find((operation) => operation !== null);
    assert(other !== undefined);
    const isPossible = status === 405 || (other.part['security'] !== undefined && REFUSALS.includes(status));
    return isPossible ? this.place([...other.way, 'responses', String(status)]) : null;
  }

  #headerFault(answer: Place, { headers }: Heard): string | null {
    const documented = Object.keys((answer.part['headers'] ?? {}) as Part);
    for (const name of documented) {
      const header = this.place([...answer.way, 'headers', name]);
      const value = headers.get(name.toLowerCase());
      if (header === null || (value === undefined && header.part['required'] !== true)) continue;
      if (value === undefined) return `lacks the header ${name}`;
      const isNumber = (header.part['schema'] as Part)['type'] === 'integer';
      const mismatch = this.mismatch([...header.way, 'schema'], isNumber ? Number(value) : value);
      if (mismatch !== null) return `has ${name}: ${value}: ${mismatch}`;
    }
    const known = new Set(documented.map((name) => name.toLowerCase()));
    const unknown = [...headers.keys()].filter((name) => !known.has(name) && !TRANSPORT_HEADERS.has(name));
    return unknown.length === 0 ? null : `has undocumented headers: ${unknown.join(', ')}`;
  }

  #bodyFault(answer: Place, { method, status, headers, body }: Heard): string | null {
    const type = headers.get('content-type');
    const content = answer.part['content'] as Part | undefined;
    if (content === undefined) return type === undefined && body === '' ? null : 'has a body';
    if (type === undefined || content[type] === undefined) return `has the content type ${type}`;
    if (method === 'HEAD') return body === '' ? null : 'has a body';
    const value = type === LINES ? parsedLines(body) : type.includes('json') ? parsed(body) : body;
    const mismatch = this.mismatch([...answer.way, 'content', type, 'schema'], value);
    if (mismatch !== null) return `has an invalid body: ${mismatch}: ${body.slice(0, 300)}`;
    if (type !== 'application/problem+json' || (value as Part)['status'] === status) return null;
    return `has a problem document with another status: ${body}`;
  }

  /** A request that succeeded must conform too. */
  #requestFault(operation: Place, { target, sent }: Heard): string | null {
    const query = new URLSearchParams(target.split('?')[1]);
    const parameters = (operation.part['parameters'] ?? []) as readonly Part[];
    for (const index of parameters.keys()) {
      const parameter = this.place([...operation.way, 'parameters', String(index)]);
      const value = query.get(String(parameter?.part['name']));
      if (parameter?.part['in'] !== 'query' || value === null) continue;
      const way = [...parameter.way, 'schema'];
      const isNumber = /^-?\d+(\.\d+)?$/.test(value) && this.mismatch(way, Number(value)) === null;
      const mismatch = isNumber ? null : this.mismatch(way, value);
      if (mismatch !== null) return `accepted an invalid parameter: ${value}: ${mismatch}`;
    }
    const content = (operation.part['requestBody'] as Part | undefined)?.['content'] as Part | undefined;
    if (sent === undefined || content?.['application/json'] === undefined) return null;
    const way = [...operation.way, 'requestBody', 'content', 'application/json', 'schema'];
    const mismatch = this.mismatch(way, parsed(sent));
    return mismatch === null ? null : `accepted an invalid body: ${mismatch}: ${sent}`;
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

function nameOf(path: string, method: string, { status, headers, body }: Heard): string {
  const isProblem = headers.get('content-type') === 'application/problem+json' && body !== '';
  const type = isProblem ? ` ${(parsed(body) as Part)['type']}` : '';
  return `${method} ${path} ${status}${type}`;
}

/** One JSON text a line: in the document, an array. */
const LINES = 'application/x-ndjson';

function parsedLines(body: string): unknown[] {
  return body.replace(/\n$/, '').split('\n').map(parsed);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
