import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Books, type Row } from '../../src/simulated/books.ts';

function row(number: number, amountCents: number, requestedAtMs: number): Row {
  return { correlationId: String(number), amountCents, requestedAtMs };
}

test('keeps an id once, with its first amount', () => {
  const books = new Books();
  assert.is(books.insert(row(1, 100, 5)), 'inserted');
  assert.is(books.insert(row(1, 999, 6)), 'known');
  assert.equal(books.find('1'), row(1, 100, 5));
  assert.is(books.find('2'), undefined);
  assert.equal(books.sum(-Infinity, Infinity), { count: 1, amountCents: 100n });
});

test('lists payments in insertion order, page by page', () => {
  const books = new Books();
  for (let number = 0; number < 5; number++) books.insert(row(number, number, 9 - number));
  assert.equal(
    books.page(1, 2).map(({ correlationId }) => correlationId),
    ['1', '2'],
  );
  assert.is(books.page(4, 10).length, 1);
  assert.is(books.page(5, 10).length, 0);
  assert.is(books.page(100, 10).length, 0);
});

test('forgets all', () => {
  const books = new Books();
  books.insert(row(1, 100, 5));
  books.clear();
  assert.is(books.count, 0);
  assert.is(books.find('1'), undefined);
  assert.equal(books.sum(-Infinity, Infinity), { count: 0, amountCents: 0n });
  assert.is(books.insert(row(1, 100, 5)), 'inserted');
});

test('sums every window like a plain scan, even beyond the precision of a double', () => {
  const moment = fc.integer({ min: -3000, max: 3000 });
  const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  let [within, imprecise] = [0, 0];
  void fc.assert(
    fc.property(fc.array(fc.tuple(amount, moment)), moment, moment, (payments, fromMs, toMs) => {
      const books = new Books();
      let count = 0;
      let amountCents = 0n;
      for (const [number, [cents, atMs]] of payments.entries()) {
        books.insert(row(number, cents, atMs));
        if (atMs < fromMs || atMs > toMs) continue;
        count++;
        amountCents += BigInt(cents);
      }
      assert.equal(books.sum(fromMs, toMs), { count, amountCents });
      within += count;
      if (amountCents > Number.MAX_SAFE_INTEGER) imprecise++;
    }),
    { seed: 2025 },
  );
  assert.ok(within > 50 && imprecise > 5, `${within} payments, ${imprecise} sums`);
});

test.run();
