import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AccessMode } from '../../src/config/config.ts';
import { serveMetrics } from '../../src/http/metrics.ts';
import { createApp } from '../../src/http/uws.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ask as askKept } from '../contract/kept.ts';
import { apiKey, keyringOf } from '../keyring.ts';
import { ManualClock } from '../manual-clock.ts';
import { readStrictly } from '../metrics/strict-reader.ts';
import { processorTarget } from '../processor-target.ts';
import { serveHere } from './served.ts';

const SHAPE = { processorCount: 1, threadCount: 2 };
const TOKEN = 'a-token-of-16-ch';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const PLAIN = 'text/plain; version=0.0.4; charset=utf-8';

async function withMetrics(
  mode: AccessMode,
  run: (ask: (init?: RequestInit) => Promise<Response>, metricsTable: MetricsTable) => Promise<void>,
): Promise<void> {
  const app = createApp();
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  serveMetrics({
    app,
    metricsTable,
    sharedState: new SharedState(SharedState.allocate(SHAPE), SHAPE),
    ring: new Ring(Ring.allocate(8)),
    segments: new SegmentTable(SegmentTable.allocate(2, 16)),
    config: {
      access: { metrics: mode, dashboard: 'off', audit: 'off', operator: 'off' },
      poolThreadCount: 1,
      httpThreadCount: 1,
    },
    processors: [processorTarget()],
    keyring: keyringOf([apiKey(TOKEN, ['operate']), apiKey('key-to-read', ['read'])]),
    clock: new ManualClock(),
  });
  const listener = await serveHere(app);
  try {
    await run((init) => askKept(`${listener.url}/metrics`, init), metricsTable);
  } finally {
    listener.close();
    app.close();
  }
}

test('a scrape is OpenMetrics, current, and not cacheable', () =>
  withMetrics('loopback', async (ask, metricsTable) => {
    for (const count of [1, 2]) {
      metricsTable.thread(1).count('accepted');
      const response = await ask();
      assert.is(response.status, 200);
      assert.is(response.headers.get('content-type'), OPENMETRICS);
      assert.is(response.headers.get('cache-control'), 'no-store');
      const { samples } = readStrictly(await response.text());
      assert.is(samples.get('dinossauro_payments_accepted_total'), count);
      assert.is(samples.get('dinossauro_posts_refused_total{problem="queue-full",status="503"}'), 0);
    }
    const head = await ask({ method: 'HEAD' });
    assert.equal([head.status, await head.text()], [200, '']);
    const post = await ask({ method: 'POST' });
    assert.equal([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
  }));

test('clients that accept only the older format get it', () =>
  withMetrics('open', async (ask) => {
    const cases = [
      [
        'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
        OPENMETRICS,
      ],
      ['*/*', OPENMETRICS],
      ['text/plain;version=0.0.4;q=1,*/*;q=0.1', PLAIN],
      ['text/html,application/xhtml+xml,*/*;q=0.8', PLAIN],
    ] as const;
    for (const [accept, type] of cases) {
      const response = await ask({ headers: { accept } });
      assert.is(response.headers.get('content-type'), type, accept);
      assert.is((await response.text()).endsWith('# EOF\n'), type === OPENMETRICS);
    }
  }));

test('requests without access are refused', () =>
  withMetrics('token', async (ask) => {
    const refused = await ask();
    assert.is(refused.status, 401);
    assert.not.match(await refused.text(), 'dinossauro_');
    assert.is((await ask({ headers: { authorization: 'Bearer key-to-read' } })).status, 403);
    assert.is((await ask({ headers: { authorization: `Bearer ${TOKEN}` } })).status, 200);
  }));

test.run();
