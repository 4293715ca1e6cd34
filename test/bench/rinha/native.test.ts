import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentOf, nativeSite } from '../../../bench/rinha/native.ts';
import { run } from '../../../bench/rinha/run.ts';
import { preview, scaled } from '../../../bench/rinha/scenario.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { until } from '../../system/until.ts';

test('a short preview against local processes is consistent, and all that was accepted settles', async () => {
  const scenario = scaled(preview, 15);
  const token = '123';
  const site = await nativeSite(systemClock, scenario.fees, token);
  try {
    const deployment = await site.open('gateway');
    try {
      const result = await run({
        site: site.name,
        entry: 'gateway',
        scenario,
        deployment,
        processors: site.processors,
        token,
        clock: systemClock,
        newId: randomUUID,
        onSecond: () => {},
      });
      assert.ok(result.acceptedCount > 1000);
      assert.is(result.failedCount, 0);
      assert.is(
        result.checks.reduce((sum, check) => sum + check.errorCount, 0),
        0,
      );
      // On a slow machine the last of the backlog settles after the run.
      await until('all to be settled', 30_000, async () => {
        const response = await fetch(`${deployment.target}/payments-summary`);
        const totals = (await response.json()) as Record<string, { totalRequests: number }>;
        const settledCount = Object.values(totals).reduce((sum, { totalRequests }) => sum + totalRequests, 0);
        return settledCount === result.acceptedCount;
      });
      assert.is(result.audit.kind === 'report' && result.audit.report.verdict, 'agrees');
      assert.is((await fetch(`${deployment.target}/audit`)).status, 404, '/audit is closed to the network');
    } finally {
      await deployment.close();
    }
  } finally {
    await site.close();
  }
});

test('instances have the settings of the deployment', () => {
  const environment = environmentOf('gateway-1', '/run', { default: 'http://a', fallback: 'http://b' });
  // With the default setting, payments go to `fallback` while `default` is out: a preview lost 1.4% of its profit so.
  assert.is(environment['FAILOVER_DELAY_MS'], '10000');
  assert.is(environment['BATCH_LIMIT'], '32');
  assert.is(environment['PAYMENT_PROCESSOR_URL_DEFAULT'], 'http://a', 'but not its addresses');
});

test.run();
