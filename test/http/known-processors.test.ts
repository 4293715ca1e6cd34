import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Definitions } from '../../src/http/definitions.ts';
import { KnownProcessors } from '../../src/http/known-processors.ts';
import { TakenAmounts } from '../../src/http/taken-amounts.ts';
import { openCallbackReader } from '../../src/processor/callback-readers.ts';
import { DefinitionTable } from '../../src/shared-memory/definition-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { ManualClock } from '../manual-clock.ts';
import { processorTarget } from '../processor-target.ts';
import { until } from '../system/until.ts';

const SHAPE = { processorCount: 1, processorsMax: 4, threadCount: 1 };
const SOON_MS = 10_000;
const MAX_CENTS = 100_000;
const USED = { use: 'in-use' } as const;

test('follows what operators add, without its secrets: names, callbacks and amounts', async () => {
  const configured = [processorTarget({ name: 'default', minAmountCents: 1, maxAmountCents: 999 })];
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const table = new DefinitionTable(DefinitionTable.allocate(3));
  const contracts = { readers: new Map(), open: openCallbackReader };
  const clock = new ManualClock();
  const definitions = new Definitions(contracts, {}, clock);
  const known = new KnownProcessors({ configured, contracts, definitions, table, sharedState, clock });
  const taken = new TakenAmounts({ processors: known.targets, maxAmountCents: MAX_CENTS }, sharedState);
  void known.follow();
  assert.is(taken.isKnown, false);
  sharedState.setControls([USED]);
  assert.is(taken.isKnown, true);
  const added = { url: 'http://added', fee: { share: 0.01 }, credentials: { bearer: 'KEY' } };
  const limits = { minAmount: 500 };
  table.set(0, JSON.stringify({ ...added, name: 'plain', contract: 'rinha', limits }));
  table.set(1, JSON.stringify({ ...added, name: 'async', contract: 'rest-async' }));
  sharedState.setControls([USED, USED]);
  assert.is(taken.isKnown, false, 'it refuses nothing that it may learn to take');
  await until('the first is known', SOON_MS, async () => known.targets.length === 2);
  assert.is(taken.isKnown, true);
  assert.equal(taken.ranges, [
    { minCents: 1, maxCents: 999 },
    { minCents: 50_000, maxCents: MAX_CENTS },
  ]);
  sharedState.setControls([USED, USED, USED]);
  await until('the second is known', SOON_MS, async () => known.targets.length === 3);
  assert.equal(
    known.targets.map(({ name }) => name),
    ['default', 'plain', 'async'],
  );
  assert.equal([...known.readers.keys()], ['async']);
  assert.equal(taken.ranges, [{ minCents: 1, maxCents: MAX_CENTS }]);
  known.stop();
});

test.run();
