import { LOG_LEVELS } from '../core/log-level.ts';
import { parseInstanceUrl, parseLab, parseRatio } from './parsers.ts';
import { httpUrl, integer, oneOf, setting } from './setting.ts';

/** The settings for the people who run a gateway: audit, dashboard, logs and traces. */

export const OPERATORS = {
  AUDIT_RATE: integer({
    field: 'audit.rate',
    unit: 'calls/s',
    default: 100,
    min: 1,
    max: 1000,
    about: 'Calls that an audit makes to processors, over all of them.',
  }),
  AUDIT_LIMIT: integer({
    field: 'audit.paymentLimit',
    unit: 'payments',
    default: 5000,
    min: 1,
    max: 100_000,
    about: 'Most payments that one audit looks up at processors. Its report says when there are more.',
  }),
  DASHBOARD_VIEWERS: integer({
    field: 'dashboard.viewerLimit',
    unit: 'viewers',
    default: 16,
    min: 1,
    max: 1000,
    about: 'Most browsers that watch the dashboard at once, for each HTTP thread.',
  }),
  CURRENCY: setting({
    field: 'dashboard.currency',
    unit: 'text',
    expected: '1 to 8 letters, digits, currency signs, `.` or `-`, such as `BRL` or `R$`',
    about: 'The name of the currency that amounts are in. The dashboard shows it beside sums.',
    parse: (text) => (/^[\p{L}\p{Sc}\d.-]{0,8}$/u.test(text) ? text : undefined),
  }),
  DASHBOARD_INSTANCE_URL: setting({
    field: 'dashboard.instanceUrl',
    unit: 'URL',
    expected: 'an http or https URL with `{instance}` in it, such as `http://{instance}:9999`',
    about:
      'Where operators reach each instance; `{instance}` is its `INSTANCE_ID`. The dashboard links every instance of the deployment to its own dashboard.',
    parse: parseInstanceUrl,
  }),
  DASHBOARD_LAB: setting({
    field: 'dashboard.lab',
    unit: 'URL',
    expected: '`http://127.0.0.1:port/#token`',
    about: 'Where the dashboard controls simulated processors. `npm start` sets it.',
    secret: 'whole',
    parse: parseLab,
  }),
};

export const LOGS_AND_TRACES = {
  LOG_LEVEL: oneOf({
    field: 'logLevel',
    values: LOG_LEVELS,
    default: 'info',
    about: 'Lowest severity that is logged.',
  }),
  OTLP_URL: httpUrl({
    field: 'tracing.otlpUrl',
    about:
      'OpenTelemetry collector that receives sampled traces (OTLP over HTTP in JSON, at `/v1/traces` below this URL). Default: none.',
  }),
  OTLP_QUEUE: integer({
    field: 'tracing.queueSpans',
    unit: 'spans',
    default: 2048,
    min: 64,
    max: 65_536,
    about: 'Spans that may wait for the collector, in each thread. Any more are dropped.',
  }),
  OTLP_INTERVAL_MS: integer({
    field: 'tracing.intervalMs',
    unit: 'ms',
    default: 1000,
    min: 10,
    max: 60_000,
    about: 'How long spans are gathered before they are sent to the collector.',
  }),
  OTLP_TIMEOUT_MS: integer({
    field: 'tracing.timeoutMs',
    unit: 'ms',
    default: 5000,
    min: 100,
    max: 60_000,
    about: 'How long to wait for the response of the collector.',
  }),
  TRACE_RATIO: setting({
    field: 'tracing.ratio',
    unit: 'share',
    default: '0',
    expected: 'a decimal from 0 to 1 with at most 6 places',
    about: 'Share of the posts without `traceparent` that start a sampled trace. It needs `OTLP_URL`.',
    parse: parseRatio,
  }),
};
