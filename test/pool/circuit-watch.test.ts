import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { CircuitWatch } from '../../src/pool/circuit-watch.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { allEvents, MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { ManualClock } from '../manual-clock.ts';

const NAMES = ['default', 'fallback'];
const SHAPE = { processorCount: 2, threadCount: 1 };
const SECOND_MS = 1000;
const SILENCE_MS = 15_000;

class World {
  readonly clock = new ManualClock();
  readonly mood = new Mood();
  readonly books = new MemoryLedger(NAMES, new MemoryStore(), MEMORY_OUTBOX);

  instance(instanceId: string) {
    const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
    const parts = { names: NAMES, instanceId, holder: `${instanceId} x`, sharedState, clock: this.clock };
    const watch = new CircuitWatch({ ...parts, ledger: moody(this.books, this.mood) });
    const move = (processor: number, to: 'open' | 'closed') => {
      const from = to === 'open' ? 'closed' : 'open';
      sharedState.moveBreaker(processor, from, to, this.clock.monotonicMs());
    };
    watch.start();
    return { watch, sharedState, move };
  }

  pass(spanMs: number = 2 * SECOND_MS): Promise<void> {
    return this.clock.passSlowly(spanMs);
  }

  async reported(): Promise<readonly string[]> {
    const events = await allEvents(this.books);
    return events.map((event) => {
      assert.ok('instance' in event);
      return `${event.type.replace('processor.circuit-', '')} ${event.processor} ${event.instance}`;
    });
  }
}

test('a circuit that opens and one that closes are reported once, by one instance', async () => {
  const world = new World();
  const one = world.instance('one');
  await world.pass();
  const other = world.instance('other');
  await world.pass();
  for (const { move } of [one, other]) move(0, 'open');
  await world.pass(30 * SECOND_MS);
  assert.equal(await world.reported(), ['opened default one']);
  other.move(0, 'closed');
  await world.pass();
  assert.equal(await world.reported(), ['opened default one'], 'what another instance sees is not reported');
  one.move(1, 'open');
  one.move(0, 'closed');
  await world.pass();
  assert.equal((await world.reported()).slice(1), ['closed default one', 'opened fallback one']);
  one.watch.stop();
  other.watch.stop();
});

test('another instance goes on at once when the observer stops, and after a while when it dies', async () => {
  const world = new World();
  const one = world.instance('one');
  await world.pass();
  const other = world.instance('other');
  one.move(0, 'open');
  await world.pass();
  await one.watch.release();
  other.move(1, 'open');
  await world.pass();
  assert.equal(await world.reported(), ['opened default one', 'opened fallback other']);
  other.watch.stop();
  const third = world.instance('third');
  third.move(1, 'open');
  third.move(1, 'closed');
  await world.pass(SILENCE_MS - 2 * SECOND_MS);
  assert.is((await world.reported()).length, 2);
  await world.pass(4 * SECOND_MS);
  assert.equal((await world.reported()).slice(2), ['closed fallback third']);
  third.watch.stop();
});

test('an instance that has just started says that a circuit is closed once it has seen the processor work', async () => {
  const world = new World();
  const one = world.instance('one');
  one.move(0, 'open');
  one.move(1, 'open');
  await world.pass();
  await one.watch.release();
  const other = world.instance('other');
  await world.pass(30 * SECOND_MS);
  assert.is((await world.reported()).length, 2);
  other.sharedState.setSucceededAt(0, world.clock.monotonicMs());
  const atMs = world.clock.monotonicMs();
  other.sharedState.setReported(1, { failing: true, minResponseTimeMs: 0, atMs });
  await world.pass();
  assert.equal((await world.reported()).slice(2), ['closed default other']);
  other.sharedState.setReported(1, { failing: false, minResponseTimeMs: 0, atMs });
  await world.pass();
  assert.equal((await world.reported()).slice(3), ['closed fallback other']);
  other.watch.stop();
});

test('what happens while the ledger does not answer is reported afterwards, and a lost answer tells nothing twice', async () => {
  const world = new World();
  const one = world.instance('one');
  await world.pass();
  world.mood.away.add('setBookmark');
  one.move(0, 'open');
  await world.pass(5 * SECOND_MS);
  assert.equal(await world.reported(), []);
  world.mood.away.clear();
  await world.pass(3 * SECOND_MS);
  assert.equal(await world.reported(), ['opened default one']);
  world.mood.forgetful.add('setBookmark');
  one.move(1, 'open');
  await world.pass(5 * SECOND_MS);
  world.mood.forgetful.clear();
  await world.pass(3 * SECOND_MS);
  assert.equal(await world.reported(), ['opened default one', 'opened fallback one']);
  one.watch.stop();
});

test.run();
