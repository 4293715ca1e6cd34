import type { MetricsTable } from '../shared-memory/metrics-table.ts';
import { counter, gauge } from './family.ts';
import type { Family } from './openmetrics.ts';

interface WebhookParts {
  readonly metricsTable: MetricsTable;
  readonly config: { readonly poolThreadCount: number };
}

/** Metrics of webhooks, which the first HTTP thread delivers. */
export function webhookFamilies({ metricsTable, config }: WebhookParts): Family[] {
  const first = config.poolThreadCount;
  return [
    counter('dinossauro_webhook_posts', 'Events that endpoints of webhooks have taken from this instance.', [
      { value: metricsTable.counted('webhookPosts') },
    ]),
    counter(
      'dinossauro_webhook_failures',
      'Events that an endpoint of a webhook did not take. They are posted again.',
      [{ value: metricsTable.counted('webhookFailures') }],
    ),
    gauge('dinossauro_webhooks_failing', 'Endpoints to which this instance delivers, and which fail now.', [
      { value: metricsTable.gauge(first, 'webhooksFailing') },
    ]),
    gauge(
      'dinossauro_webhooks_disabled',
      'Endpoints that get no events until an operator enables them, because they have failed for a day.',
      [{ value: metricsTable.gauge(first, 'webhooksDisabled') }],
    ),
  ];
}
