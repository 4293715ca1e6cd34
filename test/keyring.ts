import { type ApiKey, digestOf, type Scope } from '../src/config/api-key.ts';
import { type Clock, systemClock } from '../src/core/clock.ts';
import { Keyring } from '../src/http/keyring.ts';
import { MetricsTable } from '../src/shared-memory/metrics-table.ts';

const SHAPE = { processorCount: 1, threadCount: 1 };

export function apiKey(text: string, scopes: readonly Scope[], expiresAtMs = Infinity): ApiKey {
  return { name: text, scopes, digest: digestOf(text), expiresAtMs, limit: null };
}

export function keyringOf(keys: readonly ApiKey[], clock: Clock = systemClock): Keyring {
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  return new Keyring({ keys, metrics: metricsTable.thread(0), clock });
}
