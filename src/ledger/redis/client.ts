import Module, { createRequire } from 'node:module';

/**
 * The client of `@redis/client`, without two tables that it loads for itself: a module for each of 417 commands, of which
 * none is called here because commands are sent by name, and what a cache in the client would have to know about them.
 * They would take 4 MB of every thread that opens a ledger.
 */
const UNUSED = { commands: { default: {} }, 'command-metadata': {} };

const LIBRARY = '@redis/client/dist/lib';
const load = createRequire(import.meta.url);

for (const [folder, exports] of Object.entries(UNUSED)) {
  const path = load.resolve(`${LIBRARY}/${folder}/index.js`);
  load.cache[path] ??= Object.assign(new Module(path), { filename: path, loaded: true, exports });
}

export const { create: createClient }: typeof import('@redis/client').RedisClient = load(
  `${LIBRARY}/client/index.js`,
).default;
export const { RESP_TYPES }: Pick<typeof import('@redis/client'), 'RESP_TYPES'> = load(
  `${LIBRARY}/RESP/decoder.js`,
);
