import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Format } from '../metrics/openmetrics.ts';
import type { ScrapeParts } from '../metrics/scrape.ts';
import { Access } from './access.ts';
import type { Keyring } from './keyring.ts';
import { refusals } from './refusal.ts';
import { guardedRoute } from './route.ts';
import type { WebApp } from './uws.ts';

export interface MetricsParts extends Omit<ScrapeParts, 'refusals' | 'version'> {
  readonly app: WebApp;
  readonly config: Pick<Config, 'access' | 'poolThreadCount' | 'httpThreadCount'>;
  readonly keyring: Keyring;
}

/** Serves `GET /metrics`, unless it is off. The code that renders it is loaded at the first request. */
export function serveMetrics(parts: MetricsParts): void {
  const { app, config, keyring } = parts;
  if (config.access.metrics === 'off') return;
  const access = new Access({ mode: config.access.metrics, keyring, scope: 'operate' });
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  let exposing: ReturnType<typeof load> | null = null;
  guardedRoute(app, '/metrics', access, async (exchange, request) => {
    const format = formatFor(request.getHeader('accept'));
    exposing ??= load({ ...parts, version });
    const { contentType, body } = (await exposing)(format);
    const headers = [
      ['Content-Type', contentType],
      ['Cache-Control', 'no-store'],
      ['X-Content-Type-Options', 'nosniff'],
    ] as const;
    exchange.end('200 OK', headers, body);
  });
}

/** The older format only if the client accepts it but not the newer one, as old collectors and browsers do. */
function formatFor(accept: string): Format {
  if (accept.includes('application/openmetrics-text')) return 'openmetrics';
  return /text\/(?:plain|html)/.test(accept) ? 'prometheus' : 'openmetrics';
}

async function load(parts: Omit<ScrapeParts, 'refusals'>) {
  const { Scrape } = await import('../metrics/scrape.ts');
  const { CONTENT_TYPES, expose } = await import('../metrics/openmetrics.ts');
  const scrape = new Scrape({ ...parts, refusals: refusals() });
  return (format: Format) => ({
    contentType: CONTENT_TYPES[format],
    body: expose(scrape.families(), format),
  });
}
