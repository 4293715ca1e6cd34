import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { bookmarkOf, readProgress } from '../webhooks/progress.ts';
import { askLmdb, askShards } from './ask-ledger.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Says which endpoints of webhooks fail or are disabled. Other checks report books that cannot be read. */
export async function checkWebhooks({ ledger, webhooks }: Config, clock: Clock): Promise<Finding[]> {
  if (webhooks.length === 0) return [];
  const names = webhooks.map(({ name }) => name);
  let texts: readonly string[];
  try {
    texts =
      ledger.kind === 'lmdb'
        ? await askLmdb(ledger.path, clock, [], async (books) => {
            const replies = await Promise.all(names.map((name) => books.bookmark(bookmarkOf(name))));
            return replies.map((reply) => (reply.kind === 'ok' ? reply.value.text : ''));
          })
        : await inRedis(ledger, names, clock);
  } catch {
    return [];
  }
  const findings = names.flatMap((name, index): Finding[] => {
    const text = texts[index] ?? '';
    if (text === '') return [];
    const { disabled, failingSinceMs } = readProgress(text);
    if (disabled !== null) {
      const since = new Date(disabled.atMs).toISOString();
      const seen = `${name} has been disabled since ${since}: ${disabled.reason}`;
      return [fail('webhooks', seen, `repair it, then dinossauro webhooks enable ${name}`)];
    }
    if (failingSinceMs === null) return [];
    const seen = `${name} has failed since ${new Date(failingSinceMs).toISOString()}`;
    return [warn('webhooks', seen, 'after a day of failures it is disabled')];
  });
  return findings.length > 0 ? findings : [ok('webhooks', `${names.length} endpoints: ${names.join(', ')}`)];
}

async function inRedis(
  ledger: Extract<Config['ledger'], { kind: 'redis' }>,
  names: readonly string[],
  clock: Clock,
): Promise<readonly string[]> {
  const { bookmarkTextsIn } = await import('../ledger/redis/stranded.ts');
  const [first = []] = await askShards(ledger, clock, (shard) =>
    bookmarkTextsIn(shard, names.map(bookmarkOf)),
  );
  return first;
}
