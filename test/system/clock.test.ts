import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { Deployment, type Gateway } from './deployment.ts';
import { ledgers, SETTLE_MS } from './scale.ts';
import { pause, until } from './until.ts';

const FOLDERS = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/lib/${name}/faketime`);
const LIBRARY = FOLDERS.map((folder) => join(folder, 'libfaketimeMT.so.1')).find(existsSync);
const HOUR_S = 3600;
const YEAR_S = 365 * 24 * HOUR_S;
const FAILOVER_DELAY_MS = 1500;
const PAYMENTS = 5;

/** The wall clock of a process, at a changeable offset from ours. */
class WallClock {
  readonly #directory = temporaryDirectory();
  readonly #file = join(this.#directory, 'offset');
  readonly environment: Readonly<Record<string, string>>;

  constructor(library: string) {
    this.set(0);
    this.environment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  set(aheadS: number): void {
    writeFileSync(this.#file, `${aheadS < 0 ? '' : '+'}${aheadS}\n`);
  }
}

/** A test with a gateway whose wall clock can be set; skipped if that is impossible. */
function clockTest(what: string, run: (library: string) => Promise<void>): void {
  if (LIBRARY === undefined) test.skip(`${what} (needs Debian's package faketime)`);
  else test(what, () => run(LIBRARY));
}

async function post(gateway: Gateway, count: number): Promise<void> {
  for (let posted = 0; posted < count; posted++) {
    const { status } = await exchangeKept('POST', `${gateway.url}/payments`, {
      body: JSON.stringify({ correlationId: randomUUID(), amount: 1 }),
      headers: { 'Content-Type': 'application/json' },
    });
    assert.is(status, 202);
  }
}

for (const ledger of ledgers('lmdb')) {
  for (const [what, steps] of [
    ['an hour back', [-HOUR_S]],
    ['a year ahead and back again', [YEAR_S, 0]],
    ['before 1970', [-60 * YEAR_S]],
  ] as const) {
    clockTest(`a wall clock that jumps ${what} delays no payment: ${ledger}`, async (library) => {
      const clock = new WallClock(library);
      const settings = { ...clock.environment, FAILOVER_DELAY_MS: String(FAILOVER_DELAY_MS) };
      await Deployment.run({ ledger, gatewayCount: 1, settings }, async ({ gateways, processors, books }) => {
        const [gateway] = gateways;
        const [cheap, dear] = processors;
        assert.ok(gateway);
        await cheap.setFailing(true);
        await post(gateway, PAYMENTS);
        for (const aheadS of steps) {
          clock.set(aheadS);
          await post(gateway, PAYMENTS);
          await pause(100);
        }
        const count = PAYMENTS * (1 + steps.length);
        await until('the more expensive processor has charged them', SETTLE_MS, async () => {
          return (await dear.summary()).count === count;
        });
        assert.is((await cheap.summary()).count, 0);
        await books.untilSettled(count, SETTLE_MS);
      });
    });
  }
}

test.run();
