import { type Ledger, ok, type Reply, type Shard } from './ledger.ts';

/** Asks the shards at once, each about the payments that live there. The replies are in the order of the payments. */
export async function byShard<Payment extends { readonly correlationId: string }, Answer>(
  ledger: Ledger,
  payments: readonly Payment[],
  ask: (own: readonly Payment[], shard: Shard, position: number) => Promise<Reply<Answer[]>>,
): Promise<Reply<Answer[]>> {
  const places = ledger.shards.map((): number[] => []);
  for (const [place, { correlationId }] of payments.entries())
    places[ledger.shardOf(correlationId)]?.push(place);
  const replies = await Promise.all(
    ledger.shards.map(async (shard, position) => {
      const own = (places[position] as number[]).map((place) => payments[place] as Payment);
      return own.length === 0 ? ok([]) : ask(own, shard, position);
    }),
  );
  const answers: Answer[] = [];
  for (const [position, reply] of replies.entries()) {
    if (reply.kind === 'unavailable') return reply;
    for (const [index, place] of (places[position] as number[]).entries()) {
      answers[place] = reply.value[index] as Answer;
    }
  }
  return ok(answers);
}
