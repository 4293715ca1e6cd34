import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readProcessors } from '../../src/config/config.ts';
import { withCurrentCredentials } from '../../src/config/credentials.ts';
import { CredentialsWatch } from '../../src/pool/credentials-watch.ts';
import type { Contract } from '../../src/processor/contract.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { KeptLog } from '../kept-log.ts';
import { ManualClock } from '../manual-clock.ts';
import { configOf } from '../settings.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const SHAPE = { processorCount: 2, threadCount: 1 };
const LOOK_MS = 500;
const SOON_MS = 10_000;
const WRONG = 'error the processors cannot be read again: the credentials in force stay in force';
const RIGHT = 'info the processors can be read again';
const REPLACED = 'info credentials replaced';

function fileOf(fee: number, variable: string): string {
  return `
processors:
  - { name: bank, url: http://bank.example, contract: rinha, fee: { share: ${fee} }, credentials: { bearer: ${variable} } }
  - { name: card, url: http://card.example, contract: rinha, fee: { share: 0.1 }, credentials: { bearer: CARD_KEY } }
`;
}

interface World {
  readonly log: KeptLog;
  readonly sharedState: SharedState;
  readonly clock: ManualClock;
  write(name: string, text: string): void;
  /** Waits for two looks. */
  look(): Promise<void>;
  /** What each processor gets as `Authorization`. */
  sent(): readonly (string | undefined)[];
  triedAgain(): readonly number[];
  outdated(): number;
  /** As a thread begins that replaces a dead one. */
  restarted(): Promise<readonly string[]>;
}

async function watching(use: (world: World) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, `${name}.new`), text);
    renameSync(join(directory, `${name}.new`), join(directory, name));
  };
  write('p.yaml', fileOf(0.05, 'BANK_KEY'));
  write('bank', 'old\n');
  const environment = {
    PROCESSORS_FILE: join(directory, 'p.yaml'),
    BANK_KEY_FILE: join(directory, 'bank'),
    OTHER_KEY_FILE: join(directory, 'other'),
    CARD_KEY: 'fixed',
  };
  const config = configOf(environment);
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const table = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  const [clock, log] = [new ManualClock(), new KeptLog()];
  const contracts: (Contract | null)[] = [null, null];
  const tried: number[] = [];
  const watch = new CredentialsWatch({
    files: config.processorFiles,
    read: () => readProcessors(environment),
    targets: config.processors,
    callsMax: config.callsMax,
    processors: config.processors.map((_, processor) => ({
      replace: (contract: Contract) => {
        contracts[processor] = contract;
      },
    })),
    breakers: { tryAgain: (processor) => tried.push(processor) },
    sharedState,
    metrics: table.thread(0),
    clock,
    log,
  });
  const settled = () => until('a look has ended', SOON_MS, () => clock.pending === 1);
  try {
    watch.start();
    await use({
      log,
      sharedState,
      clock,
      write,
      async look() {
        for (const _ of [1, 2]) {
          await settled();
          clock.pass(LOOK_MS);
        }
        await settled();
      },
      sent: () => contracts.map((contract) => contract?.find('').headers?.['authorization']),
      triedAgain: () => tried,
      outdated: () => table.gauge(0, 'credentialsOutdated'),
      async restarted() {
        const targets = await withCurrentCredentials(config, environment);
        return targets.map(({ contract }) => contract.authorization);
      },
    });
  } finally {
    watch.stop();
  }
}

test('a secret that changes goes into the next requests, of its processor alone', () =>
  watching(async (world) => {
    await world.look();
    assert.equal([world.sent(), world.log.lines], [[undefined, undefined], []]);
    world.write('bank', 'new');
    await world.look();
    assert.equal(world.sent(), ['Bearer new', undefined]);
    assert.equal([world.triedAgain(), world.log.lines, world.outdated()], [[0], [REPLACED], 0]);
    assert.ok(world.clock.nowMs() - world.sharedState.credentialsAtMs <= 2 * LOOK_MS);
    assert.equal(await world.restarted(), ['Bearer new', 'Bearer fixed']);
  }));

test('a file that is missing, empty or not valid changes nothing, and is said once', () =>
  watching(async (world) => {
    await world.look();
    const { credentialsAtMs } = world.sharedState;
    for (const text of ['', 'with spaces']) {
      world.write('bank', text);
      await world.look();
      await world.look();
    }
    assert.equal([world.sent(), world.outdated()], [[undefined, undefined], 1]);
    assert.equal(world.log.lines, [WRONG, WRONG], 'for each of two mistakes');
    assert.is(world.sharedState.credentialsAtMs, credentialsAtMs);
    assert.equal(await world.restarted(), ['Bearer old', 'Bearer fixed']);
    world.write('bank', 'new');
    await world.look();
    assert.equal([world.sent(), world.outdated()], [['Bearer new', undefined], 0]);
    assert.equal(world.log.lines.slice(2), [REPLACED, RIGHT]);
  }));

test('the processors file may name another variable; its file may come later', () =>
  watching(async (world) => {
    world.write('p.yaml', fileOf(0.05, 'OTHER_KEY'));
    await world.look();
    assert.equal([world.sent(), world.log.lines], [[undefined, undefined], [WRONG]]);
    world.write('other', 'other');
    await world.look();
    assert.equal(world.sent(), ['Bearer other', undefined]);
    assert.equal(world.log.lines, [WRONG, REPLACED, RIGHT]);
  }));

test('a processors file that is broken, or differs in more than credentials, is refused as a whole', () =>
  watching(async (world) => {
    world.write('bank', 'new');
    world.write('p.yaml', 'processors: [');
    await world.look();
    assert.equal([world.sent(), world.outdated()], [[undefined, undefined], 1]);
    world.write('p.yaml', fileOf(0.06, 'BANK_KEY'));
    await world.look();
    assert.equal([world.sent(), world.outdated()], [[undefined, undefined], 1]);
    assert.equal(world.log.lines, [WRONG, WRONG]);
    world.write('p.yaml', fileOf(0.05, 'BANK_KEY'));
    await world.look();
    assert.equal([world.sent(), world.outdated()], [['Bearer new', undefined], 0]);
  }));

test.run();
