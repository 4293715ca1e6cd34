import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { anchorOf, siteLink, sitePathOf } from './pages.ts';
import { NAVIGATION, SIDEBAR } from './sidebar.ts';

// The pages of the repository as a site. `GITHUB_REPOSITORY`, which the workflow sets, says where links to source files
// lead; without it they are plain text. `SITE_BASE` is the path at which the site is served.

const SITE = fileURLToPath(new URL('..', import.meta.url));
const ROOT = join(SITE, '..');
const { GITHUB_SERVER_URL = 'https://github.com', GITHUB_REPOSITORY, SITE_BASE = '/' } = process.env;
const repository = GITHUB_REPOSITORY === undefined ? null : `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;

export default defineConfig({
  title: 'Dinossauro',
  description:
    'A payment gateway that accepts at once, settles once, and keeps books that agree to the cent.',
  base: SITE_BASE,
  srcDir: ROOT,
  srcExclude: [
    '**/node_modules/**',
    '{bench,data,deploy,lb,ops,package*,scripts,src,submission,test,.github}/**',
  ],
  outDir: join(SITE, '.vitepress/dist'),
  rewrites: (path) => sitePathOf(path) ?? path,
  cleanUrls: true,
  markdown: {
    // A brace in a heading is part of a path.
    attrs: { disable: true },
    anchor: { slugify: anchorOf },
    config: (markdown) => {
      const { fence } = markdown.renderer.rules;
      // The page has the same diagram as text.
      markdown.renderer.rules.fence = (...args) =>
        args[0][args[1]]?.info === 'mermaid' ? '' : (fence?.(...args) ?? '');
      markdown.core.ruler.push('site-links', ({ tokens, env }) => {
        // The search index is rendered, too, without links.
        if (env.realPath === undefined) return;
        const from = { root: ROOT, page: relative(ROOT, env.realPath), repository };
        for (const { children } of tokens) {
          let isText = false;
          for (const token of children ?? []) {
            if (token.type === 'link_open') {
              const link = siteLink(from, String(token.attrGet('href')));
              isText = link === null;
              if (link !== null) token.attrSet('href', link);
            }
            if (isText && token.type === 'link_open') Object.assign(token, { tag: 'span', attrs: [] });
            if (isText && token.type === 'link_close') token.tag = 'span';
          }
        }
      });
    },
  },
  vite: {
    // The pages are outside of this folder, so that they do not find its packages by themselves.
    resolve: { alias: [{ find: /^vue(?=\/|$)/, replacement: join(SITE, 'node_modules/vue') }] },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: SIDEBAR,
    nav: NAVIGATION,
    ...(repository === null ? {} : { socialLinks: [{ icon: 'github' as const, link: repository }] }),
  },
});
