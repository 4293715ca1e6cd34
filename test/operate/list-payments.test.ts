import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { listPayments, type PaymentsOrder } from '../../src/operate/list-payments.ts';
import { TOKEN } from '../http/operator-routes.ts';
import { fill, inWorld } from '../http/payment-world.ts';
import { must } from '../ledger/samples.ts';
import { idOf } from '../payment-id.ts';

interface Said {
  readonly isDone: boolean;
  readonly out: string[];
  readonly err: string[];
}

async function run(url: string, change: Partial<PaymentsOrder> = {}): Promise<Said> {
  const [out, err]: [string[], string[]] = [[], []];
  const order = { url, token: TOKEN, filters: {}, limit: 100, format: 'table', ...change } as const;
  const isDone = await listPayments(order, {
    clock: systemClock,
    print: (line) => void out.push(...line.split('\n')),
    complain: (line) => void err.push(line),
  });
  return { isDone, out, err };
}

test('prints a table, with what control characters a reason has made harmless', () =>
  inWorld(async ({ books, url }) => {
    await fill(books);
    const { isDone, out, err } = await run(url, { filters: { status: 'rejected' } });
    assert.equal([isDone, err], [true, []]);
    assert.is(out.length, 3);
    assert.match(out[0] ?? '', /^PAYMENT +STATUS +AMOUNT +ACCEPTED +PROCESSOR +SENT +TRIES +REASON/);
    assert.match(out[1] ?? '', `${idOf(4)}  rejected    0.04  2025-07-15T12:00:04.000Z  default `);
    assert.is(out[1]?.indexOf('422 Card'), out[0]?.indexOf('REASON'));
    await reject(books, 9, 'no \u001b[31m"red", or\nelse');
    assert.ok((await run(url)).out.some((line) => line.includes('no ?[31m"red", or?else')));
  }));

test('prints JSON lines with exact amounts, and CSV', () =>
  inWorld(async ({ books, url }) => {
    await fill(books);
    await reject(books, 9, 'no "red", or\nelse', 2 ** 53 - 1);
    const json = await run(url, { format: 'json', filters: { reason: 'ELSE' } });
    assert.is(json.out.length, 1);
    assert.match(json.out[0] ?? '', '{"amount":90071992547409.91,');
    assert.is(JSON.parse(json.out[0] ?? '').reason, 'no "red", or\nelse');
    const csv = await run(url, { format: 'csv' });
    assert.is(
      csv.out[0],
      'correlationId,status,amount,acceptedAt,processor,requestedAt,attempts,reason,conflictingAmount',
    );
    assert.is(csv.out[1], `${idOf(1)},accepted,0.01,2025-07-15T12:00:01.000Z,,,0,,`);
    assert.match(csv.out.join('\n'), ',"no ""red"", or\nelse",');
  }));

test('walks through all pages, or stops at a limit and says so', () =>
  inWorld(async ({ books, url, metricsTable }) => {
    await fill(books);
    const some = await run(url, { limit: 3, format: 'json' });
    assert.is(some.out.length, 3);
    assert.equal(some.err, ['There may be more: raise --limit, or ask for --all.']);
    metricsTable.thread(0).set('waiting', 2);
    const all = await run(url, { limit: Infinity, format: 'json' });
    assert.is(all.out.length, 5);
    assert.equal(all.err, [
      '2 payments wait at gateway-1. Those that no pool thread has claimed yet are not in the list.',
    ]);
  }));

test('says what is wrong', () =>
  inWorld(async ({ url, mood }) => {
    const saysOf = async (change: Partial<PaymentsOrder>) => {
      const { isDone, err } = await run(url, change);
      assert.is(isDone, false);
      return err.join('\n');
    };
    assert.match(await saysOf({ token: '' }), /^dinossauro: http\S+ answered 401: .*ADMIN_TOKEN/);
    assert.match(await saysOf({ filters: { status: 'lost' } }), 'answered 400: `status` must be one of open');
    assert.match(await saysOf({ url: 'http://127.0.0.1:1' }), 'http://127.0.0.1:1 does not answer: ');
    assert.match(
      await saysOf({ url: `${url}/nowhere` }),
      'answered 200 with no content: this is not a gateway',
    );
    mood.away.add('page');
    assert.match(await saysOf({}), 'answered 503: The ledger does not answer.');
  }));

async function reject(
  books: Parameters<typeof fill>[0],
  number: number,
  reason: string,
  amountCents = number,
): Promise<void> {
  const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 9e12));
  const claim = {
    correlationId: idOf(number),
    amountCents,
    acceptedAtMs: 1,
    processor: 0,
    requestedAtMs: 2,
  };
  await must(books.commit(owner, [], [claim]));
  await must(books.commit(owner, [{ ...claim, status: 'rejected', reason }], []));
}

test.run();
