import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OutboxEvent, Shard } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { cursorAt, eventId } from '../../src/ledger/outbox.ts';
import { WebhookDelivery, type WebhookState } from '../../src/webhooks/delivery.ts';
import type { PostOutcome } from '../../src/webhooks/post.ts';
import { bookmarkOf, progressText, readProgress } from '../../src/webhooks/progress.ts';
import { KeptLog } from '../kept-log.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { MEMORY_OUTBOX } from '../ledger/outbox.ts';
import { claimOf, id, must, settlementOf } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';

const DAY_MS = 86_400_000;
const DELIVERED: PostOutcome = { kind: 'delivered' };
const DOWN: PostOutcome = { kind: 'failed', reason: 'HTTP 500' };

class Scene {
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly store = new MemoryStore();
  /** What was posted, in order: by whom, and which payment. */
  readonly posted: string[] = [];
  readonly states: WebhookState[] = [];
  answer: (payment: string) => PostOutcome | Promise<PostOutcome> = () => DELIVERED;
  readonly ledger = new MemoryLedger(['default'], this.store, { ...MEMORY_OUTBOX, clock: this.clock });
  #owner = 0;

  delivery(holder: string, mood = new Mood(), types: string[] = []): WebhookDelivery {
    const textOf = (event: OutboxEvent) =>
      'payment' in event ? `${event.payment.correlationId} ${event.payment.status}` : event.type;
    return new WebhookDelivery({
      target: { name: 'shop', url: 'http://127.0.0.1:1/', secrets: [], types },
      ledger: moody(this.ledger, mood),
      holder,
      textOf,
      post: async ({ body }) => {
        const outcome = await this.answer(body);
        if (outcome.kind === 'delivered') this.posted.push(`${holder} ${body}`);
        return outcome;
      },
      clock: this.clock,
      random: () => 0.5,
      log: this.log,
      onOutcome: () => {},
      onState: (state) => this.states.push(state),
    });
  }

  async settle(...numbers: number[]): Promise<void> {
    const ledger: Shard = this.ledger;
    this.#owner ||= await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 1e15));
    const claims = numbers.map((number) => claimOf(number));
    await must(ledger.commit(this.#owner, [], claims));
    const settlements = numbers.map((number) => settlementOf(number));
    await must(ledger.commit(this.#owner, settlements, []));
  }

  async progress() {
    const { version, text } = await must(this.ledger.bookmark(bookmarkOf('shop')));
    return { version, ...readProgress(text) };
  }

  /** What an operator does. */
  async change(change: object): Promise<void> {
    const { version, ...progress } = await this.progress();
    const text = progressText({ ...progress, ...change });
    assert.is(await must(this.ledger.setBookmark(bookmarkOf('shop'), { version: version + 1, text })), true);
  }
}

function names(holder: string, ...numbers: number[]): string[] {
  return numbers.map((number) => `${holder} ${id(number)} settled`);
}

test('a new endpoint gets what happens from then on, each event once', async () => {
  const scene = new Scene();
  await scene.settle(1);
  const delivery = scene.delivery('a');
  delivery.start();
  await scene.clock.passSlowly(1000);
  assert.equal(scene.posted, []);
  const numbers = Array.from({ length: 200 }, (_, number) => number + 10);
  await scene.settle(...numbers);
  await scene.clock.passSlowly(5000);
  assert.equal(scene.posted.toSorted(), names('a', ...numbers).toSorted());
  await delivery.release();
  assert.is((await scene.progress()).holder, '');
});

test('one instance delivers at a time, and another continues when it is released or silent', async () => {
  const scene = new Scene();
  const mood = new Mood();
  const [first, second] = [scene.delivery('a', mood), scene.delivery('b')];
  first.start();
  await scene.clock.passSlowly(1000);
  second.start();
  await scene.clock.passSlowly(60_000);
  await scene.settle(1);
  await scene.clock.passSlowly(1000);
  assert.equal(scene.posted, names('a', 1));
  for (const call of ['bookmark', 'setBookmark', 'outbox'] as const) mood.away.add(call);
  await scene.settle(2);
  await scene.clock.passSlowly(30_000);
  assert.is(scene.posted.length, 1, 'its silence may be short');
  await scene.clock.passSlowly(20_000);
  assert.equal(scene.posted, [...names('a', 1), ...names('b', 2)]);
  mood.away.clear();
  await scene.settle(3);
  await scene.clock.passSlowly(10_000);
  assert.equal(scene.posted.slice(2), names('b', 3), 'the former one does not interfere');
  await second.release();
  await scene.settle(4);
  await scene.clock.passSlowly(5000);
  assert.equal(scene.posted.slice(3), names('a', 4));
  await first.release();
});

test('a failed event is posted again, and those of its payment wait for it', async () => {
  const scene = new Scene();
  let isDown = true;
  const seen: string[] = [];
  scene.answer = (payment) => {
    seen.push(payment);
    return isDown && payment.startsWith(id(1)) ? DOWN : DELIVERED;
  };
  const delivery = scene.delivery('a');
  delivery.start();
  await scene.clock.passSlowly(1000);
  const owner = await must(scene.ledger.acquireLease({ instanceId: 'x', name: 'pool-0' }, 1e15));
  await must(scene.ledger.commit(owner, [], [claimOf(1), claimOf(2)]));
  const no = { status: 'rejected', reason: 'no', outcome: 'rejected' } as const;
  await must(scene.ledger.commit(owner, [settlementOf(1, no), settlementOf(2)], []));
  const again = { correlationId: id(1), attempts: 1 };
  await must(scene.ledger.reopen(owner, { what: 'send-again', atMs: 1, by: 'a', why: 'b' }, [again]));
  await must(scene.ledger.commit(owner, [], [claimOf(1, { requestedAtMs: claimOf(1).requestedAtMs + 9 })]));
  const settled = settlementOf(1, { requestedAtMs: claimOf(1).requestedAtMs + 9 });
  await must(scene.ledger.commit(owner, [settled], []));
  await scene.clock.passSlowly(60_000);
  assert.equal(scene.posted, names('a', 2));
  assert.is(new Set(seen).size, 2, 'the second event of payment 1 was never tried');
  assert.ok(seen.length >= 4 && seen.length < 12, `${seen.length} tries`);
  assert.ok((await scene.progress()).failingSinceMs !== null);
  isDown = false;
  await scene.clock.passSlowly(120_000);
  assert.equal(scene.posted.slice(1), [`a ${id(1)} rejected`, `a ${id(1)} settled`]);
  assert.is((await scene.progress()).failingSinceMs, null);
  assert.ok(scene.log.lines.some((line) => line.includes('again')));
  await delivery.release();
});

test('after a day of failures it is disabled, keeps its events, and continues once it is enabled', async () => {
  const scene = new Scene();
  scene.answer = () => DOWN;
  const delivery = scene.delivery('a');
  delivery.start();
  await scene.clock.passSlowly(1000);
  await scene.settle(1);
  await scene.clock.passSlowly(DAY_MS - 7_200_000);
  assert.is((await scene.progress()).disabled, null);
  await scene.clock.passSlowly(14_400_000);
  assert.is((await scene.progress()).disabled?.reason, 'HTTP 500');
  assert.is(scene.states.at(-1), 'disabled');
  assert.ok(scene.log.lines.some((line) => line.startsWith('error a webhook is disabled')));
  scene.answer = () => DELIVERED;
  await scene.clock.passSlowly(60_000);
  assert.equal(scene.posted, []);
  await scene.change({ disabled: null });
  await scene.clock.passSlowly(10_000);
  assert.equal(scene.posted, names('a', 1));
  await delivery.release();
});

test('an endpoint that answers 410 is disabled at once', async () => {
  const scene = new Scene();
  scene.answer = () => ({ kind: 'gone' });
  const delivery = scene.delivery('a');
  delivery.start();
  await scene.clock.passSlowly(1000);
  await scene.settle(1);
  await scene.clock.passSlowly(2000);
  assert.match((await scene.progress()).disabled?.reason ?? '', '410');
  await delivery.release();
});

test('an instance that comes back takes over from its earlier life at once, and from no other', async () => {
  const scene = new Scene();
  const [before, other] = [scene.delivery('gateway-1 one'), scene.delivery('gateway-2 one')];
  before.start();
  await scene.clock.passSlowly(1000);
  before.stop();
  await scene.settle(1);
  other.start();
  await scene.clock.passSlowly(10_000);
  assert.equal(scene.posted, [], 'another waits until it has been silent for long');
  const after = scene.delivery('gateway-1 two');
  after.start();
  await scene.clock.passSlowly(1000);
  assert.equal(scene.posted, names('gateway-1 two', 1));
  // A second with the same name, which an operator gave it by mistake, takes it once and not again and again.
  const twin = scene.delivery('gateway-1 three');
  twin.start();
  await scene.clock.passSlowly(20_000);
  await scene.settle(2, 3);
  await scene.clock.passSlowly(20_000);
  assert.equal(scene.posted.slice(1).sort(), names('gateway-1 three', 2, 3));
  for (const delivery of [after, twin, other]) await delivery.release();
});

test('an operator has events delivered again from a time on, while it works', async () => {
  const scene = new Scene();
  const delivery = scene.delivery('a');
  delivery.start();
  await scene.clock.passSlowly(1000);
  await scene.settle(1, 2);
  await scene.clock.passSlowly(2000);
  const fromMs = scene.clock.nowMs();
  await scene.settle(3);
  await scene.clock.passSlowly(2000);
  await scene.change({ cursor: cursorAt(fromMs), holder: '' });
  await scene.clock.passSlowly(20_000);
  assert.equal(scene.posted.slice(3), names('a', 3));
  await delivery.release();
});

test('only the types that it wants are delivered', async () => {
  const scene = new Scene();
  const delivery = scene.delivery('a', new Mood(), ['payment.rejected']);
  delivery.start();
  await scene.clock.passSlowly(1000);
  await scene.settle(1, 2);
  const before = (await scene.progress()).cursor;
  await scene.clock.passSlowly(2000);
  assert.equal(scene.posted, []);
  assert.is.not((await scene.progress()).cursor, before, 'it goes past the others');
  const names = new Set<string>();
  for (const event of (await must(scene.ledger.outbox('', 10))).events) names.add(eventId(event));
  assert.is(names.size, 2);
  await delivery.release();
});

test.run();
