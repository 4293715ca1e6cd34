import type { Log } from '../core/log.ts';
import { CONFIRMATIONS, type ThreadMetrics } from '../shared-memory/metrics-table.ts';

/**
 * What makes a write to the ledger count.
 *
 * | kind     | a write counts once                                                                  |
 * |----------|--------------------------------------------------------------------------------------|
 * | replicas | that many replicas of Redis have it (`WAIT`)                                         |
 * | sync     | the ledger replies: it syncs the write to its disk before that                       |
 * | none     | Redis replies, although a crash may lose the write: only if the settings say so      |
 */
export type Confirmation =
  | { readonly kind: 'replicas'; readonly count: number }
  | { readonly kind: 'sync' }
  | { readonly kind: 'none'; readonly reason: string };

/** Shows in the metrics of a thread, and logs when it changes, what makes its writes count. */
export function confirmationReport(log: Log | null, metrics: ThreadMetrics): (now: Confirmation) => void {
  let last = '';
  return (now) => {
    metrics.set('confirmation', CONFIRMATIONS.indexOf(now.kind) + 1);
    const text = JSON.stringify(now);
    if (text !== last && log !== null) say(log, now);
    last = text;
  };
}

function say(log: Log, now: Confirmation): void {
  switch (now.kind) {
    case 'replicas':
      log.info({ replicas: now.count }, 'a write counts once this many replicas of Redis have it');
      break;
    case 'sync':
      log.info({}, 'the ledger syncs each write to its disk before it answers');
      break;
    case 'none':
      log.warn(
        { reason: now.reason },
        'a crash of Redis may lose writes that it has answered: such payments may be charged twice, or be missing from the summary',
      );
      break;
  }
}
