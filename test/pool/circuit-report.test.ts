import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { INSTANCE_CIRCUITS, readInstanceCircuits } from '../../src/ledger/instance-circuits.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { CircuitReport } from '../../src/pool/circuit-report.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';

const NAMES = ['default', 'fallback'];
const SHAPE = { processorCount: 2, threadCount: 1 };
const SECOND_MS = 1000;

class World {
  readonly clock = new ManualClock();
  readonly books = new MemoryLedger(NAMES);

  async instance(instanceId: string) {
    const owner = await must(this.books.acquireLease({ instanceId, name: 'pool-0' }, 0));
    const mood = new Mood();
    const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
    const ledger = moody(this.books, mood);
    const report = new CircuitReport({ ledger, names: NAMES, instanceId, sharedState, clock: this.clock });
    const move = (from: 'open' | 'half-open' | 'closed', to: 'open' | 'half-open' | 'closed') => {
      sharedState.moveBreaker(0, from, to, this.clock.monotonicMs());
      if (from === 'closed') sharedState.setOpenedWhy(0, 'status 500');
    };
    report.start();
    return { owner, mood, report, sharedState, move };
  }

  pass(spanMs: number = 2 * SECOND_MS): Promise<void> {
    return this.clock.passSlowly(spanMs);
  }

  /** Instance by instance, one line each. */
  async shown(): Promise<readonly string[]> {
    const { text } = await must(this.books.bookmark(INSTANCE_CIRCUITS));
    return [...readInstanceCircuits(text)].map(([instance, circuits]) => {
      const states = circuits.map(({ processor, state, openedAtMs, why }) =>
        openedAtMs === null ? `${processor} ${state}` : `${processor} ${state} ${openedAtMs} ${why}`,
      );
      return `${instance}: ${states.join('; ')}`;
    });
  }
}

test('each instance shows its own circuits, and writes only when one has changed', async () => {
  const world = new World();
  const one = await world.instance('one');
  const other = await world.instance('other');
  await world.pass();
  const closed = ['one: default closed; fallback closed', 'other: default closed; fallback closed'];
  assert.equal((await world.shown()).toSorted(), closed);
  world.clock.jump(5000);
  const atMs = world.clock.nowMs();
  other.move('closed', 'open');
  await world.pass();
  const open = `other: default open ${atMs} status 500; fallback closed`;
  assert.equal((await world.shown()).toSorted(), [closed[0], open]);
  other.move('open', 'half-open');
  await world.pass();
  assert.equal((await world.shown()).toSorted()[1], open.replace('open', 'half-open'), 'since it opened');
  const writes = () => one.mood.count('setBookmark') + other.mood.count('setBookmark');
  const before = writes();
  world.clock.jump(3);
  await world.pass(60 * SECOND_MS);
  assert.is(writes(), before);
  other.move('half-open', 'closed');
  await world.pass();
  assert.equal((await world.shown()).toSorted(), closed);
  for (const { report } of [one, other]) report.stop();
});

test('an instance that has started again replaces what its former life has seen; a removed processor is left out', async () => {
  const world = new World();
  const former = await world.instance('one');
  former.move('closed', 'open');
  await world.pass();
  former.report.stop();
  const next = await world.instance('one');
  await world.pass();
  assert.equal(await world.shown(), ['one: default closed; fallback closed']);
  next.sharedState.setControls([{ use: 'in-use' }, { use: 'removed' }]);
  await world.pass();
  assert.equal(await world.shown(), ['one: default closed']);
  next.report.stop();
});

test('instances without an owner are dropped, and one that was dropped by mistake comes back', async () => {
  const world = new World();
  const one = await world.instance('one');
  const other = await world.instance('other');
  await world.pass();
  await must(world.books.releaseLease(other.owner));
  one.move('closed', 'open');
  await world.pass();
  assert.equal(
    (await world.shown()).map((line) => line.split(':')[0]),
    ['one'],
  );
  await world.pass(10 * SECOND_MS);
  assert.equal(
    (await world.shown()).map((line) => line.split(':')[0]),
    ['one', 'other'],
  );
  for (const { report } of [one, other]) report.stop();
});

test('what the ledger did not take is written once it answers', async () => {
  const world = new World();
  const one = await world.instance('one');
  await world.pass();
  for (const call of ['bookmark', 'owners', 'setBookmark'] as const) {
    one.mood.away.add(call);
    one.move('closed', 'open');
    await world.pass();
    assert.equal(await world.shown(), ['one: default closed; fallback closed'], call);
    one.mood.away.clear();
    await world.pass();
    assert.match((await world.shown())[0] ?? '', /default open/, call);
    one.move('open', 'closed');
    await world.pass();
  }
  one.report.stop();
});

test.run();
