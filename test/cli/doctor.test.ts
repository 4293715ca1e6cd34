import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../src/doctor/finding.ts';
import { RedisServer } from '../ledger/redis/redis-server.ts';
import { Deployment } from '../system/deployment.ts';
import { freePort } from '../system/port.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { dinossauro } from './dinossauro.ts';

type Environment = Readonly<Record<string, string>>;

async function doctor(environment: Environment, directory?: string) {
  const place = directory === undefined ? {} : { directory };
  const { code, out } = await dinossauro(['doctor', '--json'], { environment, ...place });
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Finding[] };
  assert.is(ok, code === 0);
  const levelOf = (check: string) =>
    findings.filter((finding) => finding.check === check).map(({ level }) => level);
  return { code, findings, levelOf };
}

test('without settings it checks for `npm start`', async () => {
  const directory = temporaryDirectory();
  const environment = { LISTEN: `127.0.0.1:${await freePort()}`, NODE_OPTIONS: '' };
  const { findings, levelOf } = await doctor(environment, directory);
  assert.equal(levelOf('listen'), ['ok']);
  assert.is(levelOf('processor').length, 2);
  assert.ok(findings.some(({ seen }) => seen.includes('dinossauro start')));
  const { out } = await dinossauro(['doctor'], { environment, directory });
  assert.is(out.split('\n').length, findings.length + 1);
  assert.match(out, /^ok {4}node +Node 22\./);
});

test('a variable that looks like a setting is only a warning', async () => {
  const { findings } = await doctor({ PROCESSOR_TIMEOUT: '5', LISTEN: `127.0.0.1:${await freePort()}` });
  const settings = findings.filter(({ check }) => check === 'settings');
  assert.equal(
    settings.map(({ level, seen }) => `${level} ${seen.slice(0, 34)}`),
    ['warn PROCESSOR_TIMEOUT is not a setting', 'ok valid; no processors are set, so t'],
  );
});

test('every invalid setting fails', async () => {
  const { code, findings } = await doctor({ LISTEN: 'nowhere', POOL_THREADS: '0' });
  assert.is(code, 1);
  const settings = findings.filter(({ check }) => check === 'settings');
  assert.equal(
    settings.map(({ level, seen }) => `${level} ${seen.split('=')[0]}`),
    ['fail LISTEN', 'fail POOL_THREADS'],
  );
});

test('beside a running gateway nothing fails, and no health endpoint is called', () =>
  Deployment.run(
    { ledger: 'redis', gatewayCount: 1, settings: { HEALTH_INTERVAL_MS: '600000' } },
    async (deployment) => {
      const [gateway] = deployment.gateways;
      assert.ok(gateway);
      const { code, levelOf } = await doctor(gateway.environment);
      assert.is(code, 0);
      assert.equal(levelOf('listen'), ['warn']);
      assert.ok(levelOf('journal').includes('warn'));
      assert.equal(levelOf('processor'), ['ok', 'ok']);
      assert.equal(levelOf('persistence'), ['ok']);
      for (const processor of deployment.processors) {
        assert.ok((await processor.healthCalls()).length <= 1);
      }
    },
  ));

test('an unreachable Redis fails', async () => {
  const redis = await RedisServer.prepare();
  const { code, levelOf } = await doctor({ LEDGER_URL: redis.url, LISTEN: `127.0.0.1:${await freePort()}` });
  await redis.stop();
  assert.is(code, 1);
  assert.equal(levelOf('redis'), ['fail']);
});

test.run();
