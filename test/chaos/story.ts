import type { Ledger, Reply } from '../../src/ledger/ledger.ts';
import { exchange } from '../system/exchange.ts';
import type { Paid } from './clients.ts';
import type { Lab } from './lab.ts';

const LINES_AROUND = 60;
/** Gauges that tell what an instance waits for. */
const STATE =
  /^dinossauro_(queue|in_flight|waiting|amount_not_taken|in_doubt|leases|pool_threads|ledger_shards|calls_in_flight|oldest_call|breaker_open|processor_re|journal_segments|ledger_failures)/;

/** Everything known about a payment, as text. */
export async function storyOf({ correlationId, posts }: Paid, lab: Lab): Promise<string[]> {
  const posted = posts.map(
    ({ atMs, to, amountCents, manner, status }) =>
      `  ${timeOf(atMs)}  posted to ${to}, ${amountCents} cents (${manner}): ${status || 'no answer'}`,
  );
  const path = `/payments/${correlationId}`;
  const looked = await Promise.all(
    [...lab.gateways, ...lab.processors].map(async ({ url }) => {
      const { status, body } = await exchange('GET', `${url}${path}`);
      return `  GET ${url}${path}: ${status} ${body}`;
    }),
  );
  const logged = lab.gateways.flatMap(({ output }) =>
    output.split('\n').filter((line) => line.includes(correlationId)),
  );
  const entry = await inLedger(lab, (ledger) => ledger.find(correlationId));
  return [`payment ${correlationId}`, ...posted, ...looked, `  books: ${shown(entry)}`, ...logged];
}

/** The owners in each shard of the books: what none of them has is settled by none. */
export async function ownersIn(lab: Lab): Promise<string[]> {
  return inLedger(lab, async ({ shards }) => {
    const replies = await Promise.all(shards.map((shard) => shard.owners()));
    return replies.flatMap((reply, shard) => {
      if (reply.kind === 'unavailable') return [`owners in shard ${shard}: ${shown(reply)}`];
      return reply.value.map((owner) => `owner in shard ${shard}: ${JSON.stringify(owner)}`);
    });
  });
}

async function inLedger<T>(lab: Lab, ask: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await lab.openLedger();
  try {
    return await ask(ledger);
  } finally {
    await ledger.close();
  }
}

function shown(reply: Reply<unknown>): string {
  return reply.kind === 'unavailable' ? `unavailable, ${reply.reason}` : JSON.stringify(reply.value ?? null);
}

/** The state of each instance, and the last that it has logged. */
export async function lastWords(lab: Lab): Promise<string[]> {
  const words = lab.gateways.map(async ({ url, output }) => {
    const { body } = await exchange('GET', `${url}/metrics`);
    const state = body.split('\n').filter((line) => STATE.test(line) && !line.endsWith(' 0'));
    return [`--- ${url}`, ...state, ...output.trimEnd().split('\n').slice(-LINES_AROUND)];
  });
  return (await Promise.all(words)).flat();
}

export function timeOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}
