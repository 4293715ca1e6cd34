import { type Field, type Fields, schemaOf } from '../src/config/file-field.ts';
import { PROCESSORS_FILE } from '../src/config/processors-fields.ts';

/** The JSON Schema of the processors file, with which editors complete and check it. */
export function processorsSchema(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Dinossauro processors',
    ...schemaOf(PROCESSORS_FILE),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** What an entry may contain, as a table. */
function membersTable(): string {
  const { processors } = PROCESSORS_FILE.members ?? {};
  const rows = processors === undefined ? [] : rowsOf('', processors);
  return ['| member | expected | default | what it is |', '|---|---|---|---|', ...rows].join('\n');
}

function rowsOf(path: string, { members = {}, required = [] }: Field<unknown>): string[] {
  return Object.entries<Fields[string]>(members).flatMap(([name, field]) => {
    const place = path === '' ? name : `${path}.${name}`;
    const fallback = required.includes(name) ? 'required' : field.default;
    return [`| \`${place}\` | ${field.expected} | ${fallback} | ${field.about} |`, ...rowsOf(place, field)];
  });
}

const BLOCK = /(?<=<!-- members -->\n\n).*(?=\n\n<!-- \/members -->)/s;

/** docs/processors-file.md with its table up to date. */
export function processorsPage(page: string): string {
  return page.replace(BLOCK, () => membersTable());
}
