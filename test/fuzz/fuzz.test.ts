import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz.ts';
import { Site } from './site.ts';

const REQUESTS = 4_000;

for (const [seed, ledger] of (['redis', 'lmdb'] as const).entries()) {
  test(`no request breaks anything, directly or through nginx, on ${ledger}`, () =>
    Site.run(ledger, async (site) => {
      const report = await fuzz(site, { requests: REQUESTS, seed });
      assert.equal(report.faults, []);
      assert.ok(report.acceptedCount > 0);
      assert.ok(report.refusedCount > 0);
    }));
}

test.run();
