import { existsSync, statSync } from 'node:fs';
import { posix } from 'node:path';

/** Where the pages of the repository are on the site, and where their links lead there. */

/** The pages that are not in docs/. */
const MOVED: Readonly<Record<string, string>> = {
  'site/index.md': 'index.md',
  'README.md': 'start.md',
  'README.pt-BR.md': 'start.pt-BR.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
  'client/README.md': 'client.md',
  'examples/README.md': 'examples.md',
};

/** The path on the site of a page of the repository; null for a file that is not on the site. */
export function sitePathOf(path: string): string | null {
  const moved = MOVED[path];
  if (moved !== undefined) return moved;
  const inDocs = /^docs\/(.*\.md)$/.exec(path)?.[1];
  return inDocs?.replace(/README\.md$/, 'index.md') ?? null;
}

/** The anchor of a heading, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

/**
 * Where a link leads on the site: to a page there, or to the repository for everything else. Null if it has to be plain
 * text, because it is not known where the repository is.
 */
export function siteLink(
  {
    root,
    page,
    repository,
  }: { readonly root: string; readonly page: string; readonly repository: string | null },
  href: string,
): string | null {
  if (/^[a-z]+:|^#|^\//.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  const target = posix.join(posix.dirname(page), decodeURI(path)).replace(/\/$/, '');
  const onSite = sitePathOf(target) ?? sitePathOf(`${target}/README.md`);
  if (onSite !== null) return `/${onSite.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}${hash}`;
  if (repository === null || !existsSync(posix.join(root, target))) return null;
  const kind = statSync(posix.join(root, target)).isDirectory() ? 'tree' : 'blob';
  return `${repository}/${kind}/main/${target}${hash}`;
}
