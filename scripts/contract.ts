// `npm run contract`: writes the documents that the gateway serves. They are checked in beside their sources, because
// reading YAML or Markdown when a client asks would hold up payments (65 ms and 9 MB for the YAML).

import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { errorsPage } from './errors-page.ts';

writeFileSync('openapi.json', `${JSON.stringify(parse(readFileSync('openapi.yaml', 'utf8')))}\n`);
writeFileSync('docs/errors.html', errorsPage(readFileSync('docs/errors.md', 'utf8')));
