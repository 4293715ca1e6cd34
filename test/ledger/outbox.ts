import * as assert from 'uvu/assert';
import type { OutboxLimits } from '../../src/config/parsers.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { LedgerEntry, OutboxEvent, OutboxPage, RestoredEntry, Shard } from '../../src/ledger/ledger.ts';
import { cursorAt, eventId, isAfter, type ProcessorEvent } from '../../src/ledger/outbox.ts';
import { acquire, claimOf, id, must, settlementOf, T0_MS } from './samples.ts';

interface Desk {
  connect(...processorNames: string[]): Promise<Shard>;
  connectWith(outbox: OutboxLimits | undefined): Promise<Shard>;
}

type Check = (title: string, run: (ledger: Shard, desk: Desk) => Promise<void>) => void;

const DAY_MS = 86_400_000;
/** Enough that nothing is dropped. */
export const KEPT_EVENTS: OutboxLimits = { keptMs: 3650 * DAY_MS, keptCount: 1_000_000 };
export const MEMORY_OUTBOX = { ...KEPT_EVENTS, clock: systemClock };
const PAGE_LIMIT = 8;
const NO = { status: 'rejected', reason: 'não', outcome: 'rejected' } as const;
const OPENED: ProcessorEvent = {
  type: 'processor.circuit-opened',
  processor: 'default',
  instance: 'gateway-1',
};
const CLOSED: ProcessorEvent = { ...OPENED, type: 'processor.circuit-closed' };
const PAUSED: ProcessorEvent = {
  type: 'processor.paused',
  processor: 'default',
  by: 'ana',
  why: 'não "vai"',
};

/** All events behind a cursor, page by page. */
export async function allEvents(ledger: Shard, after = ''): Promise<OutboxEvent[]> {
  const events: OutboxEvent[] = [];
  for (let cursor = after; ; ) {
    const page: OutboxPage = await must(ledger.outbox(cursor, PAGE_LIMIT));
    events.push(...page.events);
    if (page.isLast) return events;
    cursor = page.next;
  }
}

/** The tests of what a ledger promises about its events. */
export function registerOutbox(check: Check): void {
  check('what settles or is rejected has an event, once, with the payment as it was then', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, 1, 2, 3, 4);
    assert.equal(await allEvents(ledger), [], 'a claim has none');
    const settlements = [settlementOf(1, { amountCents: 2000, outcome: 'charged' }), settlementOf(2, NO)];
    for (let time = 0; time < 2; time++) await must(ledger.commit(owner, settlements, []));
    const [stranger, otherwise] = [settlementOf(9), settlementOf(1, { requestedAtMs: T0_MS + 99 })];
    await must(ledger.commit(owner, [stranger, otherwise], [claimOf(1, { amountCents: 7 })]));
    await must(ledger.commit(await acquire(ledger), [settlementOf(3)], []));
    const events = await allEvents(ledger);
    assert.equal(typesById(events), [
      [id(1), 'payment.settled'],
      [id(2), 'payment.rejected'],
    ]);
    const shown = events.map((event) => ('payment' in event ? event.payment : null)).sort(byId);
    const found = await Promise.all([1, 2].map((number) => must(ledger.find(id(number)))));
    assert.equal(shown, [{ ...found[0], conflictingAmountCents: null }, found[1]]);
    assert.equal(
      events.flatMap((event) => (event.type === 'payment.settled' ? [event.chargedCents] : [])),
      [2000],
    );
  });

  check('a payment that is cancelled is rejected without a processor', async (ledger) => {
    const owner = await acquire(ledger);
    const [known, unknown] = [id(1), id(2)];
    await must(ledger.commit(owner, [], [claimOf(1, { processor: null })]));
    const action = { what: 'cancel', atMs: T0_MS, by: 'ana', why: 'twice' } as const;
    const payments = [known, unknown].map((correlationId) => ({ correlationId, amountCents: 1990 }));
    await must(ledger.cancel(action, payments));
    await must(ledger.cancel(action, payments));
    const events = await allEvents(ledger);
    assert.equal(typesById(events), [
      [known, 'payment.rejected'],
      [unknown, 'payment.rejected'],
    ]);
    for (const event of events) assert.is('payment' in event && event.payment.processorName, null);
  });

  check('the events of a payment are in order, also when it was sent again', async (ledger, { connect }) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, 1);
    await must(ledger.commit(owner, [settlementOf(1, NO)], []));
    const action = { what: 'send-again', atMs: T0_MS, by: 'ana', why: 'again' } as const;
    await must(ledger.reopen(owner, action, [{ correlationId: id(1), attempts: 1 }]));
    const again = { processor: 1, requestedAtMs: T0_MS + 900 };
    await must(ledger.commit(owner, [], [claimOf(1, again)]));
    const successor = await acquire(ledger);
    await must(ledger.takeOver(owner, successor, 10));
    await must(ledger.commit(owner, [settlementOf(1, again)], []));
    assert.is((await allEvents(ledger)).length, 1, 'a former owner changes nothing');
    await must(ledger.commit(successor, [settlementOf(1, again)], []));
    const events = await allEvents(await connect('another'));
    assert.equal(typesById(events), [
      [id(1), 'payment.rejected'],
      [id(1), 'payment.settled'],
    ]);
    assert.equal(
      events.map((event) => 'payment' in event && event.payment.processorName),
      ['default', 'fallback'],
      'for every connection, with the names of the processors',
    );
  });

  check('a reader continues behind each event, and begins at a time or at the end', async (ledger) => {
    const owner = await acquire(ledger);
    const before = await must(ledger.outboxEnd());
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    await claim(ledger, owner, ...numbers);
    for (const number of numbers) await must(ledger.commit(owner, [settlementOf(number)], []));
    const all = await allEvents(ledger);
    assert.is(all.length, 40);
    assert.is(new Set(all.map(eventId)).size, 40, 'each has a name of its own');
    for (const event of all) assert.ok(Math.abs(event.position.atMs - Date.now()) < 60_000);
    for (const cursor of ['', before, cursorAt(0), cursorAt(Date.now() - 60_000), 'no cursor'])
      assert.equal((await allEvents(ledger, cursor)).map(eventId), all.map(eventId), cursor);
    for (const [index, { cursor }] of all.entries()) {
      const rest = new Set([...all.slice(index + 1).map(eventId)]);
      assert.equal(new Set((await allEvents(ledger, cursor)).map(eventId)), rest, `behind event ${index}`);
    }
    for (const cursor of [await must(ledger.outboxEnd()), cursorAt(Date.now() + 60_000)])
      assert.equal(await allEvents(ledger, cursor), []);
    const shards = Map.groupBy(all, ({ shard }) => shard);
    for (const events of shards.values())
      for (const [index, { position }] of events.entries())
        assert.ok(index === 0 || isAfter(position, events[index - 1]?.position ?? position));
  });

  check('a purge leaves the events, and new ones come behind them', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, 1);
    await must(ledger.commit(owner, [settlementOf(1)], []));
    const end = await must(ledger.outboxEnd());
    await must(ledger.purge(T0_MS + 1));
    const late = { acceptedAtMs: T0_MS + 2 };
    await must(ledger.commit(owner, [], [claimOf(1, late)]));
    await must(ledger.commit(owner, [settlementOf(1)], []));
    assert.is((await allEvents(ledger)).length, 2);
    assert.is((await allEvents(ledger, end)).length, 1);
  });

  check('restored entries have events if they are finished, each once', async (ledger) => {
    const owner = await acquire(ledger);
    await claim(ledger, owner, 1, 2);
    await must(ledger.setBooksStatus({ kind: 'filling', sinceMs: T0_MS, detail: 'a test' }));
    const entries: RestoredEntry[] = [1, 2, 3].map((number) => ({
      ...claimOf(number),
      status: number === 2 ? 'rejected' : 'settled',
      attempts: 1,
      story: { why: 'unknown', outcome: 'unknown', earlier: [] },
      reason: number === 2 ? 'no' : '',
      conflictingAmountCents: null,
      chargedCents: 1990,
    }));
    const open: RestoredEntry = { ...(entries[0] as RestoredEntry), ...claimOf(4), status: 'dispatched' };
    for (let time = 0; time < 2; time++) await must(ledger.restoreEntries(owner, [...entries, open]));
    assert.equal(typesById(await allEvents(ledger)), [
      [id(1), 'payment.settled'],
      [id(2), 'payment.rejected'],
      [id(3), 'payment.settled'],
    ]);
  });

  check('a change of the controls has its events, and one that comes too late has none', async (ledger) => {
    const controls = { version: 1, processors: {} };
    for (let time = 0; time < 2; time++) await must(ledger.setProcessorControls(controls, [PAUSED]));
    await must(ledger.setProcessorControls({ version: 2, processors: {} }));
    const [event, ...others] = await allEvents(ledger);
    assert.equal(others, []);
    assert.equal({ ...PAUSED }, { type: event?.type, ...withoutPlace(event) });
  });

  check('without limits, no events are written', async (ledger, { connectWith }) => {
    const off = await connectWith(undefined);
    const owner = await acquire(off);
    await claim(off, owner, 1, 2);
    await must(off.commit(owner, [settlementOf(1), settlementOf(2, NO)], []));
    await must(off.setProcessorControls({ version: 1, processors: {} }, [PAUSED]));
    assert.equal(await allEvents(ledger), []);
    assert.is((await must(off.outbox('', 10))).isLast, true);
  });

  check(
    'a bookmark is replaced only by a later version, and a purge leaves it',
    async (ledger, { connect }) => {
      const other = await connect('another');
      assert.equal(await must(ledger.bookmark('hook')), { version: 0, text: '' });
      const set = { version: 3, text: 'ação "x"' };
      assert.is(await must(ledger.setBookmark('hook', set)), true);
      for (const version of [1, 3])
        assert.is(await must(other.setBookmark('hook', { version, text: 'late' })), false);
      await must(ledger.purge(T0_MS));
      assert.equal(await must(other.bookmark('hook')), set);
      assert.equal(await must(other.bookmark('hoo')), { version: 0, text: '' });
      assert.is(await must(other.setBookmark('hook', { version: 4, text: '' })), true);
      assert.equal(await must(ledger.bookmark('hook')), { version: 4, text: '' });
    },
  );

  check('a bookmark has its events, and one that comes too late has none', async (ledger) => {
    for (let time = 0; time < 2; time++)
      await must(ledger.setBookmark('circuits', { version: 1, text: 'x' }, [OPENED, CLOSED]));
    await must(ledger.setBookmark('circuits', { version: 2, text: 'y' }));
    const events = await allEvents(ledger);
    assert.equal(
      events.map((event) => ({ type: event.type, ...withoutPlace(event) })),
      [OPENED, CLOSED],
    );
  });

  check('upkeep drops the oldest events, and keeps the order', async (ledger, { connectWith }) => {
    const owner = await acquire(ledger);
    const numbers = Array.from({ length: 1500 }, (_, number) => number);
    for (let at = 0; at < numbers.length; at += 250) {
      const some = numbers.slice(at, at + 250);
      await claim(ledger, owner, ...some);
      await must(
        ledger.commit(
          owner,
          some.map((number) => settlementOf(number)),
          [],
        ),
      );
    }
    const all = inShards(await allEvents(ledger));
    const end = await must(ledger.outboxEnd());
    await upkeep(ledger, Date.now());
    assert.equal(inShards(await allEvents(ledger)), all, 'within the limits');
    const few = await connectWith({ ...KEPT_EVENTS, keptCount: 200 });
    await upkeep(few, Date.now());
    const kept = inShards(await allEvents(ledger));
    // Redis drops whole nodes of its stream; each shard keeps as many.
    assert.ok(
      kept.length >= 200 && kept.length <= 4 * 320 && kept.length < all.length,
      `${kept.length} kept`,
    );
    const latest = new Set(kept);
    assert.equal(
      kept,
      all.filter((name) => latest.has(name)),
    );
    const brief = await connectWith({ keptMs: 1, keptCount: 1_000_000 });
    await upkeep(brief, Date.now() + DAY_MS);
    assert.ok((await allEvents(ledger)).length < kept.length);
    await claim(ledger, owner, 2000);
    await must(ledger.commit(owner, [settlementOf(2000)], []));
    assert.equal(typesById(await allEvents(ledger, end)), [[id(2000), 'payment.settled']]);
  });
}

async function claim(ledger: Shard, owner: number, ...numbers: number[]): Promise<void> {
  await must(
    ledger.commit(
      owner,
      [],
      numbers.map((number) => claimOf(number)),
    ),
  );
}

async function upkeep(ledger: Shard, nowMs: number): Promise<void> {
  while (await must(ledger.upkeep(nowMs, Number.POSITIVE_INFINITY))) {}
}

/** Their names, those of each shard in its order. */
function inShards(events: readonly OutboxEvent[]): string[] {
  return events.toSorted((one, other) => one.shard - other.shard).map(eventId);
}

function typesById(events: readonly OutboxEvent[]): (readonly [string, string])[] {
  const payments = events.flatMap((event) =>
    'payment' in event ? [[event.payment.correlationId, event.type] as const] : [],
  );
  return payments.toSorted(([one], [other]) => one.localeCompare(other));
}

function withoutPlace(event: OutboxEvent | undefined): object {
  if (event === undefined) return {};
  const { shard: _, position: __, cursor: ___, type: ____, ...rest } = event;
  return rest;
}

function byId(one: LedgerEntry | null, other: LedgerEntry | null): number {
  return (one?.correlationId ?? '') < (other?.correlationId ?? '') ? -1 : 1;
}
