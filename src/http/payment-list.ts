import type { Ledger } from '../ledger/ledger.ts';
import { search } from '../ledger/search.ts';
import type { MetricsTable, ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { Ring } from '../shared-memory/ring.ts';
import { type Exchange, FRESH_JSON_HEADERS } from './exchange.ts';
import { paymentJson } from './payment-json.ts';
import { cursorOf, readPaymentQuery } from './payment-query.ts';
import { problem } from './problem.ts';
import { type Guard, guardedRoute, refuse } from './route.ts';
import type { WebApp } from './uws.ts';

export interface PaymentListParts {
  readonly app: WebApp;
  readonly ledger: Pick<Ledger, 'page' | 'pageOf'>;
  readonly instanceId: string;
  readonly ring: Pick<Ring, 'size'>;
  readonly metricsTable: MetricsTable;
  /** The metrics of this thread. */
  readonly metrics: ThreadMetrics;
}

/**
 * `GET /payments`: the payments that the ledger knows, searched, a page at a time. A payment that only the journal of an
 * instance has is not among them; `instance` says how many wait at the one that answers.
 */
export function servePaymentList(parts: PaymentListParts, path: string, guard: Guard): void {
  guardedRoute(parts.app, path, guard, (exchange, request) => list(parts, exchange, request.getQuery()));
}

async function list(parts: PaymentListParts, exchange: Exchange, queryText: string): Promise<void> {
  const reading = readPaymentQuery(queryText);
  if (reading.kind === 'bad') {
    refuse(exchange, reading.problem);
    return;
  }
  const { filter, after, limit } = reading.query;
  const page = await search(parts.ledger, filter, after, limit);
  if (page.kind === 'unavailable') {
    parts.metrics.count('readFailures');
    refuse(exchange, problem('ledger-unavailable'));
    return;
  }
  const { entries, next } = page.value;
  const payments = entries.map(paymentJson).join(',');
  const cursor = JSON.stringify(next === null ? null : cursorOf(filter, next));
  exchange.end(
    '200 OK',
    FRESH_JSON_HEADERS,
    `{"payments":[${payments}],"next":${cursor},"instance":${instanceJson(parts)}}`,
  );
}

function instanceJson({ instanceId, ring, metricsTable }: PaymentListParts): string {
  const { threadCount, processorCount } = metricsTable.shape;
  let [waiting, inDoubt] = [ring.size, 0];
  for (let thread = 0; thread < threadCount; thread++) waiting += metricsTable.gauge(thread, 'waiting');
  for (let processor = 0; processor < processorCount; processor++) inDoubt += metricsTable.inDoubt(processor);
  return JSON.stringify({ name: instanceId, waiting, inDoubt });
}
