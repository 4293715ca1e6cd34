import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { siteLink, sitePathOf } from '../../site/.vitepress/pages.ts';
import { NAVIGATION, SIDEBAR } from '../../site/.vitepress/sidebar.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = globSync(['*.md', '{docs,examples,client,site}/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules/**'],
});

/** The links of the sidebar for pages with one of their own. */
function sitePages(): string[] {
  return pages
    .map((page) => siteLink({ root, page: 'README.md', repository: null }, page))
    .filter((link) => link !== null);
}

test('the sidebar has every page; decisions have a list of their own', () => {
  const listed = SIDEBAR.flatMap(({ items }) => items.map(({ link }) => link));
  const expected = sitePages().filter((link) => !/^\/(decisions\/.+|start\.pt-BR|)$/.test(link));
  assert.equal([...listed].sort(), expected.sort());
  for (const { link } of NAVIGATION) assert.ok(listed.includes(link), link);
});

test('pages have their places on the site', () => {
  assert.is(sitePathOf('docs/decisions/README.md'), 'decisions/index.md');
  assert.is(sitePathOf('README.md'), 'start.md');
  assert.is(sitePathOf('src/gateway.ts'), null);
});

test('a link leads to a page of the site, to the repository, or is plain text', () => {
  const link = (page: string, href: string, repository: string | null = 'https://example.org/repo') =>
    siteLink({ root, page, repository }, href);
  assert.is(link('README.md', 'docs/operations.md#alerts'), '/operations#alerts');
  assert.is(link('docs/operations.md', '../README.md'), '/start');
  assert.is(link('docs/benchmarks.md', 'decisions/'), '/decisions/');
  assert.is(link('docs/audit.md', '#exit-codes'), '#exit-codes');
  assert.is(link('docs/audit.md', 'https://example.com/'), 'https://example.com/');
  assert.is(link('docs/audit.md', '../src/gateway.ts'), 'https://example.org/repo/blob/main/src/gateway.ts');
  assert.is(link('README.md', 'bench/'), 'https://example.org/repo/tree/main/bench');
  assert.is(link('README.md', 'bench/', null), null);
});

test.run();
