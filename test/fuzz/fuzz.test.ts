import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz.ts';
import { Site } from './site.ts';

const REQUESTS = 4_000;

test('no request breaks a promise, directly or through nginx', () =>
  Site.run('redis', async (site) => {
    const report = await fuzz(site, { requests: REQUESTS, seed: 1 });
    assert.equal(report.faults, []);
    assert.ok(report.acceptedCount > 0);
    assert.ok(report.refusedCount > 0);
  }));

test.run();
