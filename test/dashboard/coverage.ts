import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Covered {
  readonly url: string;
  readonly scriptId: string;
  readonly functions: readonly unknown[];
}

/**
 * Adds the browser's coverage of the page to that of Node, if coverage is collected: both engines use the same format,
 * and the page is served unchanged from `src/`.
 */
export function keepCoverage(entries: readonly Covered[]): void {
  const directory = process.env['NODE_V8_COVERAGE'];
  if (directory === undefined) return;
  const result = entries.flatMap(({ url, scriptId, functions }) => {
    const name = /\/dashboard\/([a-z-]+\.js)$/.exec(url)?.[1];
    if (name === undefined || name === 'uplot.js') return [];
    return [{ scriptId, url: pathToFileURL(`src/dashboard/page/${name}`).href, functions }];
  });
  writeFileSync(
    join(directory, `coverage-browser-${process.hrtime.bigint()}.json`),
    JSON.stringify({ result }),
  );
}
