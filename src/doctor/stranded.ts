import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { errorReason } from '../core/reason.ts';
import type { ProcessorPayments } from '../ledger/ledger.ts';
import { paymentsInAll } from '../ledger/sharded/ledger.ts';
import { askLmdb, askShards, type RedisTarget } from './ask-ledger.ts';
import { type Finding, fail } from './finding.ts';

/**
 * Finds open payments at processors that are not configured, and shards that are not whole. Other checks report books that
 * cannot be read.
 */
export async function checkStranded({ ledger, processors }: Config, clock: Clock): Promise<Finding[]> {
  const names = processors.map(({ name }) => name);
  let stranded: readonly ProcessorPayments[];
  try {
    stranded = await (ledger.kind === 'lmdb'
      ? inLmdb(ledger.path, names, clock)
      : inRedis(ledger, names, clock));
  } catch (error) {
    const reason = errorReason(error);
    // ASK and TRYAGAIN: a key that every call declares has left.
    if (!/^(INCOMPLETE|ASK|TRYAGAIN) /.test(reason)) return [];
    return [
      fail(
        'ledger',
        `a shard is not whole: ${reason}`,
        'see docs/scaling.md, "When a move of a slot has failed"',
      ),
    ];
  }
  return stranded.map(({ name, count }) =>
    fail(
      'ledger',
      `${count} ${count === 1 ? 'payment waits' : 'payments wait'} for processor ${name}, which is not configured`,
      'add it to PROCESSORS or PROCESSORS_FILE until they are settled',
    ),
  );
}

function inLmdb(path: string, names: readonly string[], clock: Clock): Promise<ProcessorPayments[]> {
  return askLmdb(path, clock, [], async (ledger) => {
    const reply = await ledger.stranded(clock.nowMs());
    return reply.kind === 'ok' ? reply.value.filter(({ name }) => !names.includes(name)) : [];
  });
}

async function inRedis(
  ledger: RedisTarget,
  names: readonly string[],
  clock: Clock,
): Promise<ProcessorPayments[]> {
  const { strandedIn } = await import('../ledger/redis/stranded.ts');
  return paymentsInAll(await askShards(ledger, clock, (shard) => strandedIn(shard, names, clock.nowMs())));
}
