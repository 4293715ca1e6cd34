import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventFeed } from '../../src/http/event-feed.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { eventId, FIRST_POSITION } from '../../src/ledger/outbox.ts';
import { MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { settleAll } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';

/** Takes what fits, and says so. */
class Sink {
  readonly texts: string[] = [];
  hasRoom = true;
  isDropped = false;

  send(text: string): boolean {
    this.texts.push(text);
    return this.hasRoom;
  }

  drop(): void {
    this.isDropped = true;
  }

  get eventCount(): number {
    return this.texts.join('').split('data: ').length - 1;
  }
}

async function world(eventCount: number) {
  const clock = new ManualClock();
  const ledger = new MemoryLedger(['default'], new MemoryStore(), MEMORY_OUTBOX);
  await settleAll(
    ledger,
    Array.from({ length: eventCount }, (_, number) => number),
  );
  const feed = new EventFeed({ ledger, clock, textOf: eventId });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5) {
      clock.pass(5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { feed, pass };
}

test('a reader without room gets nothing more until it has room, and then the rest', async () => {
  const { feed, pass } = await world(1000);
  const [slow, fast] = [new Sink(), new Sink()];
  slow.hasRoom = false;
  const reader = feed.join(slow, [FIRST_POSITION]);
  feed.join(fast, [FIRST_POSITION]);
  await pass(7000);
  assert.is(fast.eventCount, 1000);
  assert.is(slow.texts.length, 1, 'a page, and no heartbeat');
  assert.ok(slow.eventCount < 500);
  slow.hasRoom = true;
  reader.drained();
  await pass(1000);
  assert.is(slow.eventCount, 1000);
  assert.is(new Set(slow.texts.join('').match(/data: .*/g)).size, 1000);
});

test('a reader that takes nothing for half a minute is disconnected', async () => {
  const { feed, pass } = await world(10);
  const [stuck, idle] = [new Sink(), new Sink()];
  stuck.hasRoom = false;
  feed.join(stuck, [FIRST_POSITION]);
  feed.join(idle, [FIRST_POSITION]);
  await pass(29_000);
  assert.is(stuck.isDropped, false);
  await pass(3000);
  assert.equal([stuck.isDropped, idle.isDropped], [true, false]);
});

test('a reader that has left gets nothing, and is not counted', async () => {
  const { feed, pass } = await world(10);
  const [one, other] = [new Sink(), new Sink()];
  feed.join(one, [FIRST_POSITION]).leave();
  assert.is(feed.readerCount, 0);
  await pass(1000);
  feed.join(other, [FIRST_POSITION]);
  await pass(1000);
  assert.equal([one.eventCount, other.eventCount], [0, 10]);
});

test.run();
