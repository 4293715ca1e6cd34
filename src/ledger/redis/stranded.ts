import { type BooksStatus, readBooksStatus } from '../books-status.ts';
import type { ProcessorPayments } from '../ledger.ts';
import { type ProcessorControls, readControls } from '../processor-controls.ts';
import type { RedisDriver } from './connection.ts';
import { LIBRARY } from './library.ts';
import { doubleBytes, readBookmark } from './records.ts';
import { type Registry, readRegistry } from './registry.ts';
import { countsOf } from './replies.ts';

/** A connection that only reads, and where a shard of the books is there. `slot`: in a cluster. */
export interface RedisShard {
  readonly driver: RedisDriver;
  readonly root: string;
  readonly slot: number | null;
}

/** `Ledger.stranded` of one shard without writing anything to Redis. Empty if there are no books yet. */
export async function strandedIn(
  shard: RedisShard,
  processorNames: readonly string[],
  nowMs: number,
): Promise<ProcessorPayments[]> {
  const registry = await registryIn(shard);
  if (registry === undefined) return [];
  const known = Buffer.from(processorNames.flatMap((name) => registry.numberOf.get(name) ?? []));
  const reply = await asked(shard, 'stranded', registry.id, doubleBytes(nowMs), known);
  if (reply === undefined) return [];
  const counts = countsOf(reply);
  return [...registry.numberOf].flatMap(([name, number]) => {
    const count = counts.get(number);
    return count === undefined ? [] : [{ name, count }];
  });
}

/** `Ledger.booksStatus` of one shard, likewise. Books that do not exist yet will be in use. */
export async function booksStatusIn(shard: RedisShard): Promise<BooksStatus> {
  const registry = await registryIn(shard);
  const reply = registry && (await asked(shard, 'booksStatus', registry.id));
  return readBooksStatus(reply === undefined ? undefined : String(reply));
}

/** The texts of these bookmarks in one shard, likewise. A bookmark that was never set has an empty text. */
export async function bookmarkTextsIn(shard: RedisShard, names: readonly string[]): Promise<string[]> {
  const registry = await registryIn(shard);
  const texts: string[] = [];
  for (const name of names) {
    const reply = registry && (await asked(shard, 'bookmark', registry.id, name));
    texts.push(Buffer.isBuffer(reply) ? readBookmark(reply).text : '');
  }
  return texts;
}

/** `Ledger.processorControls` of one shard, likewise. */
export async function controlsIn(shard: RedisShard): Promise<ProcessorControls> {
  const registry = await registryIn(shard);
  const reply = registry && (await asked(shard, 'controls', registry.id));
  return readControls(reply === undefined ? undefined : String(reply));
}

async function registryIn(shard: RedisShard): Promise<Registry | undefined> {
  const reply = await asked(shard, 'registry');
  return reply === undefined ? undefined : readRegistry(reply);
}

/** Undefined: no gateway of this version has used this Redis, or its books were replaced. */
async function asked(
  { driver, root, slot }: RedisShard,
  name: string,
  ...args: readonly (string | Buffer)[]
): Promise<unknown> {
  const keys = ['2', `${root}meta`, `${root}processors`, String(slot ?? '')];
  try {
    return await driver.sendCommand(['FCALL', `${LIBRARY}_${name}`, ...keys, ...args]);
  } catch (error) {
    if (error instanceof Error && /^(ERR|BOOKS|NOPERM)/.test(error.message)) return undefined;
    throw error;
  }
}
