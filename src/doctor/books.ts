import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { type BooksStatus, frozenReason, IN_USE, mostRestricted } from '../ledger/books-status.ts';
import { askLmdb, askShards } from './ask-ledger.ts';
import { type Finding, fail, warn } from './finding.ts';

/** Finds books that are frozen or unproven. Books that cannot be read give no finding here: other checks report them. */
export async function checkBooks(config: Config, clock: Clock): Promise<Finding[]> {
  const status = await statusOf(config, clock).catch(() => IN_USE);
  const frozen = frozenReason(status);
  if (frozen !== null) return [fail('ledger', `nothing is sent: ${frozen}`, 'see docs/books.md')];
  if (status.kind !== 'unproven') return [];
  const seen = `the books are a restored copy (${status.detail}), and processors may hold payments that they do not know`;
  return [warn('ledger', seen, 'run dinossauro audit --adopt; see docs/books.md')];
}

async function statusOf({ ledger }: Config, clock: Clock): Promise<BooksStatus> {
  if (ledger.kind === 'redis') {
    const { booksStatusIn } = await import('../ledger/redis/stranded.ts');
    return mostRestricted(await askShards(ledger, clock, booksStatusIn));
  }
  return askLmdb(ledger.path, clock, IN_USE, async (books) => {
    const reply = await books.booksStatus();
    return reply.kind === 'ok' ? reply.value : IN_USE;
  });
}
