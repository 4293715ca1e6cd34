import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nativeSite } from '../../../bench/rinha/native.ts';
import { run } from '../../../bench/rinha/run.ts';
import { preview, scaled } from '../../../bench/rinha/scenario.ts';
import { systemClock } from '../../../src/core/clock.ts';

test('a short preview against local processes is consistent and leaves no lag', async () => {
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
      assert.is(result.score.lagCount, 0);
      // The deployment's failover delay outlasts the outage of `default` (docker-compose.yml); with the default setting,
      // more than a twentieth of all payments went to `fallback`.
      assert.ok(
        result.backend.fallback.count < result.acceptedCount / 20,
        "the settings are the deployment's",
      );
      assert.is(result.audit.kind === 'report' && result.audit.report.verdict, 'agrees');
      assert.is((await fetch(`${deployment.target}/audit`)).status, 404, '/audit is closed to the network');
    } finally {
      await deployment.close();
    }
  } finally {
    await site.close();
  }
});

test.run();
