import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

const INCLUDES = 'includes/';
const INCLUDE_LINE = /^--- @include "(.+)"$/gm;

/**
 * Joins Lua files into the text of one library. Each file comes once, after the files that it includes by lines such as
 * `--- @include "includes/books.lua"`. What a file in `includes/` declares is visible to all files after it; what any
 * other file declares is visible only there.
 *
 * Throws if a file includes one that is missing, or itself through others.
 */
export function joinLua(files: ReadonlyMap<string, string>): string {
  const texts: string[] = [];
  const added = new Set<string>();
  const add = (path: string, includedBy: readonly string[]): void => {
    if (added.has(path)) return;
    const chain = [...includedBy, path];
    if (includedBy.includes(path)) throw new Error(`Lua files include each other: ${chain.join(' -> ')}`);
    const text = files.get(path);
    if (text === undefined) throw new Error(`${includedBy.at(-1)} includes "${path}", which does not exist`);
    for (const [, include = ''] of text.matchAll(INCLUDE_LINE)) add(include, chain);
    added.add(path);
    texts.push(path.startsWith(INCLUDES) ? text : `do\n${text}end\n`);
  };
  for (const path of [...files.keys()].sort()) if (!path.startsWith(INCLUDES)) add(path, []);
  return texts.join('');
}

/** The Lua files by path, one for each function and those that they include. */
export function luaFiles(): Map<string, string> {
  const folder = new URL('./functions/', import.meta.url);
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.lua'),
  );
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, folder), 'utf8')]));
}

const FUNCTIONS = joinLua(luaFiles());

/** The name carries a hash of the text, so that two versions of the gateway can share a Redis during an upgrade. */
export const LIBRARY = `dinossauro_${createHash('sha256').update(FUNCTIONS).digest('hex').slice(0, 12)}`;

/** What `FUNCTION LOAD` takes. */
export const LIBRARY_SOURCE = `#!lua name=${LIBRARY}\nlocal LIBRARY = '${LIBRARY}'\n${FUNCTIONS}`;
