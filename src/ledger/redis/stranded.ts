import type { StrandedPayments } from '../ledger.ts';
import type { RedisDriver } from './connection.ts';
import { LIBRARY } from './library.ts';
import { doubleBytes } from './records.ts';
import { readRegistry } from './registry.ts';
import { countsOf } from './replies.ts';

/** `Ledger.stranded` of one shard without writing anything to Redis. Empty if there are no books yet. `slot`: in a cluster. */
export async function strandedIn(
  driver: RedisDriver,
  root: string,
  slot: number | null,
  processorNames: readonly string[],
  nowMs: number,
): Promise<StrandedPayments[]> {
  const keys = ['2', `${root}meta`, `${root}processors`, String(slot ?? '')];
  try {
    const registry = readRegistry(await driver.sendCommand(['FCALL', `${LIBRARY}_registry`, ...keys]));
    const known = Buffer.from(processorNames.flatMap((name) => registry.numberOf.get(name) ?? []));
    const args = [registry.id, doubleBytes(nowMs), known];
    const reply = await driver.sendCommand(['FCALL', `${LIBRARY}_stranded`, ...keys, ...args]);
    const counts = countsOf(reply);
    return [...registry.numberOf].flatMap(([name, number]) => {
      const count = counts.get(number);
      return count === undefined ? [] : [{ name, count }];
    });
  } catch (error) {
    // No gateway of this version has used this Redis, or its books were replaced: nothing to report.
    if (error instanceof Error && /^(ERR|BOOKS|NOPERM)/.test(error.message)) return [];
    throw error;
  }
}
