import type { Config } from '../config/config.ts';
import type { Gauge, MetricsTable } from '../shared-memory/metrics-table.ts';
import { counter, gauge } from './family.ts';
import type { Family } from './openmetrics.ts';

interface AccessParts {
  readonly metricsTable: MetricsTable;
  readonly config: Pick<Config, 'poolThreadCount' | 'httpThreadCount'>;
}

/** Metrics of API keys. Each HTTP thread knows the keys for itself; they differ for a second after a change. */
export function accessFamilies({ metricsTable, config }: AccessParts): Family[] {
  const { poolThreadCount, httpThreadCount } = config;
  const greatest = (name: Gauge) =>
    Math.max(
      ...Array.from({ length: httpThreadCount }, (_, index) =>
        metricsTable.gauge(poolThreadCount + index, name),
      ),
    );
  return [
    counter(
      'dinossauro_access_refused',
      'Requests refused because they had no API key for what they asked.',
      [{ value: metricsTable.counted('accessRefused') }],
    ),
    counter(
      'dinossauro_requests_limited',
      'Requests answered 429, because their API key had made too many.',
      [{ value: metricsTable.counted('rateLimited') }],
    ),
    gauge('dinossauro_api_keys', 'API keys in force, `ADMIN_TOKEN` included.', [
      { value: greatest('apiKeys') },
    ]),
    gauge(
      'dinossauro_api_keys_file_wrong',
      'Whether `API_KEYS_FILE` has changed to something that cannot be read (1), so that the keys from before stay in force, or not (0).',
      [{ value: greatest('apiKeysWrong') }],
    ),
  ];
}
