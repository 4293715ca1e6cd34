import { table } from './markdown.ts';
import { followed, type Operation, operationsOf, type Part, partOf, problemTypes } from './openapi.ts';

const INTRODUCTION = `# HTTP API

Generated from [openapi.yaml](../openapi.yaml) by \`npm run contract\`. A gateway serves the same as \`GET /openapi.json\`, and
the [client for TypeScript](../client/README.md) is made from it.`;

/** docs/api.md, from openapi.yaml: each operation with its parameters, its answers and their problems. */
export function apiPage(document: Part): string {
  const operations = operationsOf(document);
  const sections = (document['tags'] as readonly Part[]).map(({ name, description }) => {
    const own = operations.filter(({ part }) => (part['tags'] as readonly unknown[]).includes(name));
    const title = String(name).replace(/^./, (first) => first.toUpperCase());
    return [
      `## ${title}`,
      String(description),
      ...own.map((operation) => sectionOf(document, operation)),
    ].join('\n\n');
  });
  const about = String(partOf(document['info'])['description']).trim();
  return `${[INTRODUCTION, about, ...sections].join('\n\n')}\n`;
}

function sectionOf(document: Part, { method, path, part: operation }: Operation): string {
  const parameters = ((operation['parameters'] ?? []) as readonly Part[]).map((part) =>
    followed(document, part),
  );
  const body = operation['requestBody'];
  const parts = [
    `### ${method.toUpperCase()} ${path}`,
    String(operation['summary']),
    text(operation['description']),
    parameters.length === 0 ? '' : parametersTable(parameters),
    body === undefined ? '' : bodySection(partOf(body)),
    answersTable(document, partOf(operation['responses'])),
    ...successExamples(document, partOf(operation['responses'])),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function parametersTable(parameters: readonly Part[]): string {
  const rows = parameters.map(({ name, in: place, required, description }) => [
    `\`${name}\``,
    required === true ? `${place}, required` : String(place),
    cell(description),
  ]);
  return table(['parameter', 'where', 'meaning'], rows);
}

function bodySection(body: Part): string {
  const contents = Object.entries(partOf(body['content']));
  const types = contents.map(([type]) => `\`${type}\``).join(', ');
  const examples = contents.flatMap(([, content]) => examplesOf(partOf(content)));
  return [`**Body** (${types}). ${text(body['description'])}`.trim(), ...examples].join('\n\n');
}

function answersTable(document: Part, responses: Part): string {
  const rows = Object.entries(responses).map(([status, part]) => {
    const response = followed(document, partOf(part));
    const links = problemTypes(document, response).map((type) =>
      type.startsWith('/errors#') ? `[${type.slice(8)}](errors.md#${type.slice(8)})` : `\`${type}\``,
    );
    return [status, cell(response['description']), links.join(', ')];
  });
  return table(['status', 'meaning', 'problems'], rows);
}

function successExamples(document: Part, responses: Part): string[] {
  return Object.entries(responses)
    .filter(([status]) => status.startsWith('2'))
    .flatMap(([, part]) => Object.values(partOf(followed(document, partOf(part))['content'] ?? {})))
    .flatMap((content) => examplesOf(partOf(content)));
}

function examplesOf(content: Part): string[] {
  return Object.values(partOf(content['examples'] ?? {})).map(
    (example) => `\`\`\`json\n${shown(partOf(example)['value'])}\n\`\`\``,
  );
}

/** An array stands for lines. */
function shown(value: unknown): string {
  return Array.isArray(value)
    ? value.map((line) => JSON.stringify(line)).join('\n')
    : JSON.stringify(value, null, 2);
}

function cell(value: unknown): string {
  return text(value)
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
