import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { apiPage } from '../../scripts/api-reference.ts';
import { Contract } from '../contract/contract.ts';

const { document } = Contract.read();
const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

test('docs/api.md follows from openapi.yaml: if not, run `npm run contract`', () => {
  assert.is(page, apiPage(document));
});

test('docs/api.md has a section for each operation', () => {
  for (const [path, methods] of Object.entries(document['paths'] as object)) {
    for (const method of Object.keys(methods)) assert.match(page, `\n### ${method.toUpperCase()} ${path}\n`);
  }
});

test.run();
