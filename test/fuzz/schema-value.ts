import { followed, type Part, partOf } from '../../scripts/openapi.ts';
import { uuidOf } from '../sim/profiles.ts';
import type { Random } from '../sim/random.ts';

/** How often a value is not what its schema asks for. */
const WRONG = 0.04;
const JUNK = [
  ...[null, true, false, '', [], {}, [[]], 0, -1, 1.5, 1e300, 2 ** 53],
  ...['x'.repeat(300), '\u0000', '\ud800', '__proto__', { constructor: { name: 'x' } }],
] as const;
const TEXTS = [
  ...['default', 'ana', 'maintenance', 'é\u{1f600}', ' ', '\t', '-', '0', '../x', '<b>', "'; --", '%2f'],
  ...['2025-07-15T12:34:56.000Z', '2025-07-15', '2025-02-30', '1752580800000-0', 'page.css', 'main.js'],
] as const;

/** A value that mostly fits a schema of the document. */
export function drawValue(random: Random, document: Part, given: unknown): unknown {
  if (random.chance(WRONG)) return random.pick<unknown>(JUNK);
  const schema = followed(document, partOf(given));
  if ('const' in schema) return schema['const'];
  const choices = (schema['enum'] ?? schema['oneOf']) as readonly [unknown, ...unknown[]] | undefined;
  if (choices !== undefined)
    return 'enum' in schema ? random.pick(choices) : drawValue(random, document, random.pick(choices));
  const types = [schema['type']].flat() as [unknown, ...unknown[]];
  switch (random.pick(types)) {
    case 'object':
      return drawObject(random, document, schema);
    case 'array':
      return Array.from({ length: random.int(1, 4) }, () => drawValue(random, document, schema['items']));
    case 'string':
      return drawText(random, schema);
    case 'boolean':
      return random.chance(0.5);
    case 'integer':
      return random.pick([least(schema), least(schema) + random.int(0, 100), greatest(schema)]);
    case 'number':
      return random.pick([least(schema), random.int(1, 99_999) / 100, random.next(), greatest(schema)]);
    default:
      return null;
  }
}

function drawObject(random: Random, document: Part, schema: Part): Part {
  const required = (schema['required'] ?? []) as readonly string[];
  const members = Object.entries(partOf(schema['properties'] ?? {}))
    .filter(([name]) => random.chance(required.includes(name) ? 0.98 : 0.5))
    .map(([name, member]) => [name, drawValue(random, document, member)] as const);
  if (random.chance(0.1)) members.push(['other', random.pick<unknown>(JUNK)]);
  return Object.fromEntries(members);
}

function drawText(random: Random, schema: Part): string {
  const isId = schema['format'] === 'uuid' || String(schema['pattern']).includes('{12}');
  return isId ? uuidOf(random) : random.pick(TEXTS);
}

function least(schema: Part): number {
  return Number(schema['minimum'] ?? 0);
}

function greatest(schema: Part): number {
  return Number(schema['maximum'] ?? 1_000_000);
}
