import type { MetricsTable } from '../shared-memory/metrics-table.ts';
import { gauge } from './family.ts';
import type { Family, Sample } from './openmetrics.ts';

/** How large the books of the deployment are, as the first pool thread measures it. */
export function booksFamilies(metricsTable: MetricsTable): Family[] {
  const usedBytes = metricsTable.gauge(0, 'booksBytes');
  /** What is not known yet, has no limit or does not grow has no sample. */
  const sample = (value: number): Sample[] => (usedBytes > 0 && Number.isFinite(value) ? [{ value }] : []);
  return [
    gauge(
      'dinossauro_books_payments',
      'Payments that the books of the deployment know.',
      [{ value: metricsTable.gauge(0, 'booksPayments') }],
      'payments',
    ),
    gauge(
      'dinossauro_held_payments',
      'Payments that operators hold: none is sent until it is released or cancelled.',
      [{ value: metricsTable.gauge(0, 'booksHeld') }],
      'payments',
    ),
    gauge(
      'dinossauro_books_bytes',
      "Bytes that the ledger's server or file takes; of several, the fullest.",
      sample(usedBytes),
      'bytes',
    ),
    gauge(
      'dinossauro_books_limit_bytes',
      'Bytes that it may take.',
      sample(metricsTable.gauge(0, 'booksLimitBytes')),
      'bytes',
    ),
    gauge(
      'dinossauro_books_full_in_seconds',
      'Time until it is full, if the books go on growing as in the last hour.',
      sample(metricsTable.gauge(0, 'booksFullInMs') / 1000),
      'seconds',
    ),
  ];
}
