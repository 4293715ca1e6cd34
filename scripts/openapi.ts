/** How the generators read openapi.yaml. */

/** An object in the document. */
export type Part = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly path: string;
  readonly method: string;
  readonly part: Part;
}

export function partOf(value: unknown): Part {
  if (typeof value !== 'object' || value === null)
    throw new Error(`expected an object: ${JSON.stringify(value)}`);
  return value as Part;
}

export function operationsOf(document: Part): Operation[] {
  return Object.entries(partOf(document['paths'])).flatMap(([path, methods]) =>
    Object.entries(partOf(methods)).map(([method, part]) => ({ path, method, part: partOf(part) })),
  );
}

/** The part that `$ref` leads to; the part itself if it has none. */
export function followed(document: Part, part: Part): Part {
  const { $ref } = part;
  return typeof $ref === 'string' ? referred(document, $ref) : part;
}

export function referred(document: Part, reference: string): Part {
  const names = reference.slice('#/'.length).split('/');
  return names.reduce<Part>((whole, name) => partOf(whole[name]), document);
}

/** Every `type` that the problem document of a response may have; none if the response is no problem document. */
export function problemTypes(document: Part, response: Part): readonly string[] {
  const content = partOf(followed(document, response)['content'] ?? {})['application/problem+json'];
  if (content === undefined) return [];
  const [, specific] = partOf(partOf(content)['schema'])['allOf'] as readonly [unknown, unknown];
  const type = partOf(partOf(partOf(specific)['properties'])['type']);
  return (type['enum'] ?? [type['const']]) as readonly string[];
}
