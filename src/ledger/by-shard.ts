import { type Ledger, ok, type Reply, type Shard } from './ledger.ts';

/** Asks each shard about the payments that live there, one after another. The replies are in the order of the payments. */
export async function byShard<Payment extends { readonly correlationId: string }, Answer>(
  ledger: Ledger,
  payments: readonly Payment[],
  ask: (own: readonly Payment[], shard: Shard, position: number) => Promise<Reply<Answer[]>>,
): Promise<Reply<Answer[]>> {
  const answers: Answer[] = [];
  for (const [position, shard] of ledger.shards.entries()) {
    const places = [...payments.keys()].filter(
      (place) => ledger.shardOf((payments[place] as Payment).correlationId) === position,
    );
    if (places.length === 0) continue;
    const own = places.map((place) => payments[place] as Payment);
    const reply = await ask(own, shard, position);
    if (reply.kind === 'unavailable') return reply;
    for (const [index, place] of places.entries()) answers[place] = reply.value[index] as Answer;
  }
  return ok(answers);
}
