import { type BooksStatus, readBooksStatus } from '../books-status.ts';
import type { StrandedPayments } from '../ledger.ts';
import type { RedisDriver } from './connection.ts';
import { ROOT_DEFAULT } from './ledger.ts';
import { LIBRARY } from './library.ts';
import { doubleBytes } from './records.ts';
import { type Registry, readRegistry } from './registry.ts';
import { countsOf } from './replies.ts';

// What `dinossauro doctor` reads without writing anything to Redis.

// The empty argument is the slot, which a server outside a cluster does not have.
const KEYS = ['2', `${ROOT_DEFAULT}meta`, `${ROOT_DEFAULT}processors`, ''];

/** `Ledger.stranded`. Empty if there are no books yet. */
export async function strandedIn(
  driver: RedisDriver,
  processorNames: readonly string[],
  nowMs: number,
): Promise<StrandedPayments[]> {
  const stranded = await asked(driver, async (registry) => {
    const known = Buffer.from(processorNames.flatMap((name) => registry.numberOf.get(name) ?? []));
    const args = [registry.id, doubleBytes(nowMs), known];
    const counts = countsOf(await driver.sendCommand(['FCALL', `${LIBRARY}_stranded`, ...KEYS, ...args]));
    return [...registry.numberOf].flatMap(([name, number]) => {
      const count = counts.get(number);
      return count === undefined ? [] : [{ name, count }];
    });
  });
  return stranded ?? [];
}

/** `Ledger.booksStatus`. Undefined if there are no books yet. */
export function booksStatusIn(driver: RedisDriver): Promise<BooksStatus | undefined> {
  return asked(driver, async ({ id }) =>
    readBooksStatus(String(await driver.sendCommand(['FCALL', `${LIBRARY}_booksStatus`, ...KEYS, id]))),
  );
}

async function asked<T>(
  driver: RedisDriver,
  ask: (registry: Registry) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask(readRegistry(await driver.sendCommand(['FCALL', `${LIBRARY}_registry`, ...KEYS])));
  } catch (error) {
    // No gateway of this version has used this Redis, or its books were replaced: nothing to report.
    if (error instanceof Error && /^(ERR|BOOKS|NOPERM)/.test(error.message)) return undefined;
    throw error;
  }
}
