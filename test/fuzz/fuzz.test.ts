import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { fuzz } from './fuzz.ts';
import { drawRouteShot, ROUTES } from './route-shot.ts';
import { Site } from './site.ts';

const REQUESTS = 4_000;

test('no request breaks a promise, directly or through nginx', () =>
  Site.run('redis', async (site) => {
    const report = await fuzz(site, { requests: REQUESTS, seed: 1 });
    assert.equal(report.faults, []);
    assert.ok(report.acceptedCount > 0);
    assert.ok(report.refusedCount > 0);
  }));

test('every route of openapi.yaml is drawn', () => {
  const random = new Random(1);
  const drawn = new Set(Array.from({ length: 2_000 }, () => drawRouteShot(random).kind));
  assert.equal([...drawn].sort(), ROUTES.map(({ name }) => name).sort());
});

test.run();
