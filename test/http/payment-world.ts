import * as assert from 'uvu/assert';
import { servePaymentList } from '../../src/http/payment-list.ts';
import { problem } from '../../src/http/problem.ts';
import { refuse, route } from '../../src/http/route.ts';
import { createApp } from '../../src/http/uws.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring } from '../../src/shared-memory/ring.ts';
import { ask as askKept } from '../contract/kept.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { must } from '../ledger/samples.ts';
import { idOf } from '../payment-id.ts';
import { operators, TOKEN } from './operator-routes.ts';
import { serveHere } from './served.ts';

const SHAPE = { processorCount: 2, threadCount: 2 };
export const T0_MS = Date.UTC(2025, 6, 15, 12);

export interface Page {
  readonly payments: readonly { readonly correlationId: string; readonly status: string }[];
  readonly next: string | null;
  readonly instance: { readonly name: string; readonly waiting: number; readonly inDoubt: number };
}

export interface World {
  readonly books: MemoryLedger;
  readonly mood: Mood;
  readonly url: string;
  readonly metricsTable: MetricsTable;
  ask(query?: string, init?: RequestInit): Promise<Response>;
  /** The numbers of all payments that a search finds, walked in pages; and how many pages. */
  found(query: string): Promise<readonly [numbers: number[], pages: number]>;
}

/** The routes for `/payments` alone, on books of two shards, of which one stays empty. */
export async function inWorld(use: (world: World) => Promise<void>, mode: 'token' | 'off' = 'token') {
  const books = new MemoryLedger(['default', 'fallback']);
  const [app, mood] = [createApp(), new Mood()];
  const metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  route(app, '/payments', 'POST', (exchange) => refuse(exchange, problem('queue-full')));
  servePaymentList(
    {
      app,
      ledger: ledgerOf([moody(books, mood), new MemoryLedger(['default', 'fallback'])]),
      instanceId: 'gateway-1',
      ring: new Ring(Ring.allocate(8)),
      metricsTable,
      metrics: metricsTable.thread(1),
    },
    '/payments',
    operators(mode),
  );
  app.any('/*', (response) => void response.end());
  const { url, close } = await serveHere(app);
  const ask: World['ask'] = (query = '', init = {}) =>
    askKept(`${url}/payments${query}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      ...init,
    });
  const found: World['found'] = async (query) => {
    const numbers: number[] = [];
    let [after, pages]: [string | null, number] = ['', 0];
    while (after !== null) {
      const response = await ask(`?${query}&after=${after}`);
      assert.is(response.status, 200);
      const page = (await response.json()) as Page;
      numbers.push(...page.payments.map(({ correlationId }) => Number(correlationId.slice(-12))));
      [after, pages] = [page.next, pages + 1];
    }
    return [numbers.sort((one, other) => one - other), pages];
  };
  try {
    await use({ books, mood, url, metricsTable, ask, found });
  } finally {
    close();
    app.close();
  }
}

/** 1 accepted, 2 dispatched, 3 settled, 4 and 5 rejected; number n was accepted at second n and costs n cents. */
export async function fill(books: MemoryLedger): Promise<void> {
  const owner = await must(books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 9e12));
  const claims = [1, 2, 3, 4, 5].map((number) => ({
    correlationId: idOf(number),
    amountCents: number,
    acceptedAtMs: T0_MS + 1000 * number,
    processor: number === 1 ? null : number % 2,
    requestedAtMs: number === 1 ? 0 : T0_MS + 1000 * number + 500,
  }));
  await must(books.commit(owner, [], claims));
  const settlements = claims.slice(2).map((claim) => ({
    ...claim,
    processor: claim.processor ?? 0,
    status: claim.amountCents === 3 ? ('settled' as const) : ('rejected' as const),
    outcome: claim.amountCents === 3 ? ('charged' as const) : ('rejected' as const),
    reason: claim.amountCents === 3 ? '' : `422 Card ${claim.amountCents} expired`,
  }));
  await must(books.commit(owner, settlements, []));
}
