import { byShard } from '../../src/ledger/by-shard.ts';
import { type Claim, type Ledger, type LedgerEntry, ok, type Settlement } from '../../src/ledger/ledger.ts';
import { claimOf, must, T0_MS } from '../ledger/samples.ts';

const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];
const FEES = [
  { feePpm: 50_000, feeFixedCents: 0 },
  { feePpm: 60_000, feeFixedCents: 35 },
];
/** Payments are accepted in the days before this. */
const END_MS = T0_MS + 3 * MINUTE_MS;

/** Numbers from 0 to 1 that a seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Fills books with random payments of the last minutes, hours, days and years, and folds some of them: settled, charged
 * with another amount, rejected, open, stamped by a wrong clock, or known once more after they were forgotten.
 */
export async function fillFolded(ledger: Ledger, random: () => number, count: number): Promise<void> {
  const owners: number[] = [];
  for (const shard of ledger.shards)
    owners.push(await must(shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, T0_MS)));
  const one = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
  const retentionMs = one([MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 2 * DAY_MS]);
  const spans = [MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS, 3 * DAY_MS, 410 * DAY_MS];
  const numbers = Array.from({ length: count }, (_, number) => number);
  const payments = numbers.map((number) => {
    const acceptedAtMs = Math.floor(END_MS - random() * one(spans));
    const requestedAtMs =
      random() < 0.05 ? Math.floor(random() * T0_MS) : acceptedAtMs + Math.floor(random() * 90_000);
    const amountCents = 1 + Math.floor(random() * 10_000);
    return claimOf(number, { acceptedAtMs, requestedAtMs, amountCents, processor: one([0, 0, 1]) });
  });
  const claim = (some: readonly Claim[]) =>
    must(
      byShard(ledger, some, async (own, shard, at) => {
        const reply = await shard.commit(owners[at] ?? 0, [], own);
        return reply.kind === 'ok' ? ok([...reply.value.claimed]) : reply;
      }),
    );
  const settle = (some: readonly Claim[]) =>
    must(
      byShard(ledger, some.map(endOf), async (own, shard, at) => {
        const reply = await shard.commit(owners[at] ?? 0, own, []);
        return reply.kind === 'ok' ? ok([...reply.value.settled]) : reply;
      }),
    );
  const endOf = ({ correlationId, amountCents, requestedAtMs, processor }: Claim): Settlement => {
    const status = random() < 0.1 ? 'rejected' : 'settled';
    // In time that is folded for certain: elsewhere totals are those of the payments.
    const more = requestedAtMs < END_MS - 4 * DAY_MS && random() < 0.2 ? 1 : 0;
    const at = { correlationId, processor: processor ?? 0, requestedAtMs };
    const reason = status === 'rejected' ? 'no' : '';
    return { ...at, status, amountCents: amountCents + more, fee: one(FEES), reason };
  };
  const open = payments.filter(() => random() < 0.05);
  const reserved = payments.filter(() => random() < 0.03);
  const ended = payments.filter((payment) => !open.includes(payment) && !reserved.includes(payment));
  await claim(payments.filter((payment) => !reserved.includes(payment)));
  await claim(reserved.map((payment) => ({ ...payment, processor: null })));
  await settle(ended);
  for (const nowMs of [END_MS - 5 * MINUTE_MS, END_MS]) await fold(ledger, nowMs, retentionMs);
  // Settled late, and once more under an id that was forgotten.
  await settle(open.filter(() => random() < 0.4));
  const forgotten = ended.filter(() => random() < 0.1);
  await claim(forgotten.map((payment) => ({ ...payment, acceptedAtMs: END_MS, requestedAtMs: END_MS + 5 })));
  await settle(forgotten);
  await fold(ledger, END_MS + MINUTE_MS, retentionMs);
}

export async function fold(ledger: Ledger, nowMs: number, retentionMs: number): Promise<void> {
  for (const shard of ledger.shards) while (await must(shard.upkeep(nowMs, retentionMs)));
}

/** What a reader of books is answered: summaries with bounds of all kinds, fees, and the payments. */
export async function answersOf(ledger: Ledger): Promise<unknown> {
  const bounds = [0, 1, MINUTE_MS, -30 * MINUTE_MS, -HOUR_MS, -HOUR_MS - 1, -2 * DAY_MS];
  const timesMs = [-Infinity, Infinity, 0, ...bounds.map((ms) => T0_MS + ms), T0_MS - 405 * DAY_MS];
  const summaries: unknown[] = [];
  for (const fromMs of timesMs)
    for (const toMs of timesMs.map((ms) => ms - 1)) summaries.push(await summary(ledger, fromMs, toMs));
  const entries: LedgerEntry[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<typeof nextPage>> = await nextPage(ledger, after);
    entries.push(...page.entries);
    after = page.next;
  }
  const shown = entries.map(({ owner: _, processor: __, ...entry }) => entry);
  shown.sort((one, other) => (one.correlationId < other.correlationId ? -1 : 1));
  return { summaries, fees: await must(ledger.fees()), payments: shown };
}

function nextPage(ledger: Ledger, after: string) {
  return must(ledger.page(-Infinity, Infinity, after, 100));
}

async function summary(ledger: Ledger, fromMs: number, toMs: number): Promise<unknown> {
  const reply = await ledger.summary(fromMs, toMs);
  if (reply.kind !== 'ok') return reply;
  const named = reply.value.filter(({ count }) => count > 0);
  return named.sort((one, other) => (one.name < other.name ? -1 : 1));
}
