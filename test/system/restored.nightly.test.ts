import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dinossauro, type Said } from '../cli/dinossauro.ts';
import { Random } from '../sim/random.ts';
import { Deployment } from './deployment.ts';
import { Load } from './load.ts';
import { RATE_PER_S, REPEAT_RATE_PER_S, SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

const COUNT = 150;
/** An audit of restored books waits until no call of the former gateways can be running. */
const SETTINGS = {
  PROCESSOR_TIMEOUT_MS: '1000',
  LEASE_MS: '1000',
  IN_DOUBT_HOLD_MS: '2500',
  PROCESSOR_TOKENS: 'default=123,fallback=123',
};
/** Long enough for a gateway to send what it has accepted, if it did. */
const SENDS_WITHIN_MS = 1000;

/** Runs a command with the settings of the deployment's gateway. */
function run(deployment: Deployment, ...args: string[]): Promise<Said> {
  return dinossauro(args, { environment: deployment.gateways[0]?.environment ?? {} });
}

async function succeeds(said: Promise<Said>): Promise<string> {
  const { code, out, err } = await said;
  assert.is(code, 0, `${out}\n${err}`);
  return out + err;
}

function loadOn({ urls }: Deployment): Load {
  return new Load({ urls, payments: COUNT, ratePerS: RATE_PER_S, random: new Random(7), insists: true });
}

/** Charges cost more at the other processor from now on, and all new payments would go there. */
async function divert({ processors: [cheap] }: Deployment): Promise<void> {
  await cheap.setFailing(true);
}

async function chargedCount({ books }: Deployment): Promise<number> {
  return (await books.counts()).reduce((sum, count) => sum + count, 0);
}

test('LMDB: a backup under load that is behind charges nothing, and after adopting the books are equal', () =>
  Deployment.run({ ledger: 'lmdb', gatewayCount: 1, settings: SETTINGS }, async (deployment) => {
    const { gateways, books } = deployment;
    const [gateway] = gateways;
    assert.ok(gateway !== undefined);
    const ledger = (gateway.environment['LEDGER_URL'] ?? '').slice('lmdb:'.length);
    const backup = join(dirname(ledger), 'backup');
    const load = loadOn(deployment);
    const running = load.run();
    await load.reached(COUNT / 3);
    await succeeds(run(deployment, 'backup', backup));
    await running;
    await books.untilSettled(COUNT, SETTLE_MS);
    await gateway.kill();
    rmSync(ledger, { recursive: true });
    await succeeds(run(deployment, 'restore', backup));
    await divert(deployment);

    await gateway.start();
    const again = load.again(REPEAT_RATE_PER_S);
    await again.run();
    assert.is(again.accepted.length, COUNT, 'payments are accepted while the books are frozen');
    await pause(SENDS_WITHIN_MS);
    assert.is(await chargedCount(deployment), COUNT, 'nothing is sent');
    assert.match(gateway.output, 'the books are frozen');

    const report = await succeeds(run(deployment, 'audit', '--adopt'));
    assert.match(report, /in use again/);
    await books.untilSettled(COUNT, SETTLE_MS);
    await pause(SENDS_WITHIN_MS);
    assert.equal(await books.faults(load.payments), []);
    assert.equal(await books.differences(), []);
  }));

test('Redis: books that were put back are unproven without the ids of what they lack, and still charge nothing twice', () =>
  Deployment.run({ ledger: 'redis', gatewayCount: 1, settings: SETTINGS }, async (deployment) => {
    const { gateways, books, redis } = deployment;
    const [gateway] = gateways;
    assert.ok(gateway !== undefined);
    const load = loadOn(deployment);
    const running = load.run();
    await load.reached(COUNT / 3);
    const { moment } = redis;
    await running;
    await books.untilSettled(COUNT, SETTLE_MS);
    await gateway.kill();
    await redis.forgetSince(moment);
    await until('Redis has loaded', SETTLE_MS, async () => (await run(deployment, 'restore')).code === 0);
    // The journal is lost, too.
    const journal = gateway.environment['JOURNAL_DIR'] ?? '';
    for (const name of readdirSync(journal)) if (name.endsWith('.journal')) rmSync(join(journal, name));

    const first = await run(deployment, 'audit', '--adopt');
    assert.is(first.code, 1, first.out + first.err);
    assert.match(first.out, /may hold payments that these books do not know/);
    await divert(deployment);
    await gateway.start();
    const again = load.again(REPEAT_RATE_PER_S);
    await again.run();
    await books.untilSettled(COUNT, SETTLE_MS);
    assert.equal(await books.faults(load.payments), []);

    await succeeds(run(deployment, 'audit', '--adopt'));
    await until('the gateway knows', SETTLE_MS, () => gateway.output.includes('in use again'));
    const fresh = loadOn(deployment);
    await fresh.run();
    await books.untilSettled(2 * COUNT, SETTLE_MS);
    assert.equal(await books.faults([...load.payments, ...fresh.payments]), []);
  }));

test.run();
