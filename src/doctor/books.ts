import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { frozenReason } from '../ledger/books-status.ts';
import { type Finding, fail, warn } from './finding.ts';
import { readLmdb, readRedis } from './stranded.ts';

/** Finds books that are frozen or unproven. Books that cannot be read give no finding here: other checks report them. */
export async function checkBooks({ ledger }: Config, clock: Clock): Promise<Finding[]> {
  const status = await (ledger.kind === 'lmdb'
    ? readLmdb(ledger.path, clock, (books) => books.booksStatus())
    : readRedis(ledger, clock, async (driver) => {
        const { booksStatusIn } = await import('../ledger/redis/stranded.ts');
        return booksStatusIn(driver);
      })
  ).catch(() => undefined);
  if (status === undefined) return [];
  const frozen = frozenReason(status);
  if (frozen !== null) return [fail('ledger', `nothing is sent: ${frozen}`, 'see docs/books.md')];
  if (status.kind !== 'unproven') return [];
  const seen = `the books are a restored copy (${status.detail}), and processors may hold payments that they do not know`;
  return [warn('ledger', seen, 'run dinossauro audit --adopt; see docs/books.md')];
}
