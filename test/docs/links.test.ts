import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { marked } from 'marked';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anchorOf } from '../../site/.vitepress/pages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['*.md', '{docs,examples,client,site,deploy,submission,ops}/**/*.md'];
const pages = globSync(PAGES, { cwd: ROOT, exclude: ['**/node_modules/**'] }).sort();

interface Page {
  readonly links: readonly string[];
  readonly anchors: ReadonlySet<string>;
}

const read = new Map<string, Page>();

/** A page with the links that it has, and the anchors that GitHub and the site give its headings. */
function pageOf(path: string): Page {
  const known = read.get(path);
  if (known !== undefined) return known;
  const links: string[] = [];
  const anchors = new Set<string>();
  const tokens = marked.lexer(readFileSync(join(ROOT, path), 'utf8'));
  void marked.walkTokens(tokens, (token) => {
    if (token.type === 'link' || token.type === 'image') links.push(token['href']);
    if (token.type === 'heading') anchors.add(numberedAnchorOf(token['text'], anchors));
  });
  const page = { links, anchors };
  read.set(path, page);
  return page;
}

/** Headings with the same text are numbered. */
function numberedAnchorOf(heading: string, taken: ReadonlySet<string>): string {
  const anchor = anchorOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
  for (let count = 0; ; count++) {
    const numbered = count === 0 ? anchor : `${anchor}-${count}`;
    if (!taken.has(numbered)) return numbered;
  }
}

function faultOf(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), decodeURI(path)));
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return `${page}: ${link} does not exist`;
  if (anchor === undefined) return null;
  if (!target.endsWith('.md') || !statSync(join(ROOT, target)).isFile()) {
    return /^L\d+$/.test(anchor) ? null : `${page}: ${link} has an anchor, but is no page`;
  }
  return pageOf(target).anchors.has(anchor) ? null : `${page}: ${link} is no heading there`;
}

test('every link of every page leads to a file and a heading that exist', () => {
  assert.ok(pages.includes('README.md') && pages.includes('docs/settings.md'), 'pages are found');
  const links = pages.flatMap((page) => pageOf(page).links.map((link) => [page, link] as const));
  assert.ok(links.length > 100, String(links.length));
  const faults = links.map(([page, link]) => faultOf(page, link)).filter((fault) => fault !== null);
  assert.equal(faults, []);
});

test('a link that leads nowhere is found', () => {
  assert.match(faultOf('docs/audit.md', 'nowhere.md') ?? '', 'does not exist');
  assert.match(faultOf('README.md', '../elsewhere') ?? '', 'does not exist');
  assert.match(faultOf('README.md', 'docs/operations.md#nowhere') ?? '', 'is no heading there');
  assert.match(faultOf('docs/audit.md', '#nowhere') ?? '', 'is no heading there');
  assert.is(faultOf('README.md', 'docs/operations.md#clients-and-proxies'), null);
});

test('every page of docs/ is linked from the README or from a page that is', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const link of pageOf(page).links) {
      if (/^[a-z]+:/.test(link)) continue;
      const target = relative(ROOT, join(ROOT, dirname(page), link.replace(/#.*/, '')));
      if (target.endsWith('.md')) reached.add(target);
    }
  }
  assert.equal(
    pages.filter((page) => page.startsWith('docs/') && !reached.has(page)),
    [],
  );
});

test.run();
