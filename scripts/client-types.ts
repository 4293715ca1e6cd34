import { type Operation, operationsOf, type Part, partOf, problemTypes, referred } from './openapi.ts';

/**
 * `client/src/api.ts`, generated from openapi.yaml: the paths of the operations that the client has, the schemas that
 * they use, and the problems that each may answer.
 *
 * An amount is a decimal on the wire and whole cents in the client, because a number of JavaScript is no exact decimal:
 * each member `amount` becomes `amountCents`.
 */

/** The operations of the client, and what it calls them. */
const OPERATIONS: Readonly<Record<string, string>> = {
  postPayment: 'Post',
  postBatch: 'Batch',
  getPayment: 'Find',
  getSummary: 'Summary',
  listPayments: 'List',
  readEvents: 'Events',
};
const AMOUNT = '#/components/schemas/Amount';
const PROBLEM = 'Problem';
const LINE_LIMIT = 110;

interface NamedOperation extends Operation {
  readonly id: string;
}

export function clientTypes(document: Part): string {
  const operations = operationsNamed(document);
  const schemas = new Schemas(document);
  for (const { part } of operations) schemas.use(part);
  return [
    '// Generated from openapi.yaml by `npm run contract`. Amounts are in whole cents here, and decimals on the wire.',
    `/** The operations of the client. */\nexport const OPERATIONS = {\n${operations
      .map(({ id, method, path }) => `  ${id}: { method: '${method.toUpperCase()}', path: '${path}' },\n`)
      .join('')}} as const;`,
    `/** The members that are amounts. */\nexport const AMOUNT_MEMBERS = [${schemas.amounts
      .map((name) => `'${name}'`)
      .join(', ')}] as const;`,
    ...schemas.declarations(),
    ...operations.map((operation) => problemsOf(document, operation)),
  ]
    .join('\n\n')
    .concat('\n');
}

function operationsNamed(document: Part): NamedOperation[] {
  const all = operationsOf(document);
  return Object.keys(OPERATIONS).map((id) => {
    const found = all.find(({ part }) => part['operationId'] === id);
    if (found === undefined) throw new Error(`openapi.yaml has no operation ${id}`);
    return { id, ...found };
  });
}

/** The schemas that are used, and those that they use in turn. */
class Schemas {
  readonly #document: Part;
  readonly #used = new Map<string, Part>();

  constructor(document: Part) {
    this.#document = document;
  }

  /** The names of all members that are amounts. */
  get amounts(): string[] {
    const members = Array.from(this.#used.values(), (schema) =>
      Object.entries(schema['properties'] ?? {}),
    ).flat();
    return [...new Set(members.filter(([, member]) => this.#isAmount(member)).map(([name]) => name))].sort();
  }

  /** Adds every schema that is referred to anywhere in this part, problem documents apart. */
  use(part: unknown): void {
    if (typeof part !== 'object' || part === null) return;
    for (const [key, value] of Object.entries(part)) {
      if (key !== '$ref') this.use(value);
      else this.#useReference(String(value));
    }
  }

  #useReference(reference: string): void {
    const target = referred(this.#document, reference);
    const name = nameOf(reference);
    if (!reference.startsWith('#/components/schemas/')) this.use(target);
    else if (!this.#used.has(name)) {
      this.#used.set(name, target);
      this.use(target);
    }
  }

  declarations(): string[] {
    const declared = Array.from(this.#used).filter(
      ([name, schema]) => name !== nameOf(AMOUNT) && !this.#isAmount(schema),
    );
    return declared.map(([name]) => this.#declare(name)).sort();
  }

  #declare(name: string): string {
    const schema = this.#used.get(name) ?? {};
    if (name === PROBLEM) {
      const members = this.#members(schema, { type: 'Type', status: 'Status' });
      const bounds = 'Status extends number = number, Type extends string = string';
      return `${comment(schema)}export interface ${name}<${bounds}> {\n${members}}`;
    }
    if (schema['properties'] === undefined)
      return `${comment(schema)}export type ${name} = ${this.#type(schema)};`;
    return `${comment(schema)}export interface ${name} {\n${this.#members(schema)}}`;
  }

  #members(schema: Part, replaced: Readonly<Record<string, string>> = {}): string {
    const required = (schema['required'] ?? []) as readonly string[];
    return Object.entries(partOf(schema['properties']))
      .map(([name, value]) => {
        const property = partOf(value);
        const mark = required.includes(name) ? '' : '?';
        if (this.#isAmount(property)) {
          // What the document says about an amount itself is about decimals.
          const alias = property['$ref'] === AMOUNT ? {} : referred(this.#document, String(property['$ref']));
          return `${comment(alias, '  ')}  readonly ${name}Cents${mark}: number;\n`;
        }
        const type = replaced[name] ?? this.#type(property);
        return `${comment(property, '  ')}  readonly ${name}${mark}: ${type};\n`;
      })
      .join('');
  }

  /** Whether a schema refers to an amount, directly or through another. */
  #isAmount(schema: Part): boolean {
    const reference = schema['$ref'];
    if (typeof reference !== 'string') return false;
    return reference === AMOUNT || this.#isAmount(referred(this.#document, reference));
  }

  #type(schema: Part): string {
    const { $ref, oneOf, type, items } = schema;
    if (typeof $ref === 'string') return nameOf($ref);
    if (Array.isArray(oneOf)) return oneOf.map((one) => this.#type(partOf(one))).join(' | ');
    if (schema['const'] !== undefined) return literal(schema['const']);
    if (Array.isArray(schema['enum'])) return schema['enum'].map(literal).join(' | ');
    if (Array.isArray(type)) return type.map((one) => this.#type({ ...schema, type: one })).join(' | ');
    switch (type) {
      case 'array':
        return `readonly ${this.#type(partOf(items))}[]`;
      case 'string':
      case 'null':
        return type;
      case 'integer':
      case 'number':
        return 'number';
      case 'object':
        return `Readonly<Record<string, ${this.#type(partOf(schema['additionalProperties']))}>>`;
      default:
        throw new Error(`scripts/client-types.ts does not know this schema: ${JSON.stringify(schema)}`);
    }
  }
}

/** The type of the problems of an operation. Clients do not send a method that a path does not have. */
function problemsOf(document: Part, { id, part }: NamedOperation): string {
  const kinds = Object.entries(partOf(part['responses'])).flatMap(([status, response]) => {
    const types = status === '405' ? [] : problemTypes(document, partOf(response));
    if (types.length === 0) return [];
    const inLine = `  | Problem<${status}, ${types.map(literal).join(' | ')}>`;
    const inLines = `  | Problem<\n      ${status},\n${types.map((type) => `      | ${literal(type)}\n`).join('')}    >`;
    return [inLine.length < LINE_LIMIT ? inLine : inLines];
  });
  return `/** What \`${id}\` answers instead of a success. */\nexport type ${OPERATIONS[id]}Problem =\n${kinds.join('\n')};`;
}

function comment(schema: Part, indent = ''): string {
  const { description } = schema;
  if (typeof description !== 'string') return '';
  const text = description.trim().replaceAll(/\s*\n\s*/g, ' ');
  const lines = text.match(new RegExp(`\\S.{0,${LINE_LIMIT - 10}}(?=\\s|$)`, 'g')) ?? [];
  return lines.length === 1
    ? `${indent}/** ${text} */\n`
    : `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}
