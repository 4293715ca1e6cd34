import assert from 'node:assert';
import { exchangeKept } from '../contract/kept.ts';
import { Random } from '../sim/random.ts';
import { pause, until } from '../system/until.ts';
import { Audit } from './audit.ts';
import { Clients } from './clients.ts';
import { Lab, type LedgerKind } from './lab.ts';

const LEASES_MS = [1_000, 2_000, 5_000];
const TIMES = 5;
const RATE_PER_S = 200;
const LOAD_MS = 2_000;
/** Long enough that many calls are in flight when the instance dies. */
const SLEEP_MS = 300;
const DEADLINE_MS = 60_000;

/** Kills an instance, leaves it dead, and measures how long the other takes to settle its last claimed payment. */
export async function measureTakeover(
  ledgers: readonly LedgerKind[],
  say: (line: string) => void,
): Promise<void> {
  say(
    '| ledger | LEASE_MS | payments taken over | least ms | median ms | most ms | kills |\n|---|---|---|---|---|---|---|',
  );
  for (const ledger of ledgers) {
    for (const leaseMs of LEASES_MS) {
      const settings = { LEASE_MS: String(leaseMs), LOG_LEVEL: 'warn' };
      const lab = await Lab.open(ledger, new Random(leaseMs), settings);
      try {
        for (const processor of lab.processors) await processor.setDelay(SLEEP_MS);
        const takeovers: Takeover[] = [];
        for (let time = 0; time < TIMES; time++) takeovers.push(await takeOver(lab, new Random(time)));
        const sortedMs = takeovers.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
        const orphans = takeovers.reduce((sum, { orphanCount }) => sum + orphanCount, 0);
        const figures = [sortedMs[0], sortedMs[TIMES >> 1], sortedMs.at(-1)].map((ms) => Math.round(ms ?? 0));
        say(`| ${[ledger, leaseMs, orphans, ...figures, TIMES].join(' | ')} |`);
      } finally {
        await lab.close();
      }
    }
  }
}

interface Takeover {
  readonly orphanCount: number;
  readonly tookMs: number;
}

async function takeOver(lab: Lab, random: Random): Promise<Takeover> {
  const [dying, living] = lab.gateways;
  assert.ok(dying !== undefined && living !== undefined);
  const entrance = { name: 'dying', url: dying.url };
  const since = await lab.books.counts();
  const clients = new Clients({ entrances: [entrance], ratePerS: RATE_PER_S, durationMs: LOAD_MS, random });
  const load = clients.run();
  await pause(LOAD_MS);
  await dying.kill();
  const diedAtMs = performance.now();
  const statuses = await Promise.all(
    clients.paid.map(async ({ correlationId }) => ({
      correlationId,
      status: await statusAt(living.url, correlationId),
    })),
  );
  let orphans = statuses.filter(({ status }) => status === 'dispatched').map((of) => of.correlationId);
  const orphanCount = orphans.length;
  await until('the last payment taken over is settled', DEADLINE_MS, async () => {
    const now = await Promise.all(orphans.map((id) => statusAt(living.url, id)));
    orphans = orphans.filter((_, index) => now[index] !== 'settled');
    return orphans.length === 0;
  });
  const tookMs = performance.now() - diedAtMs;
  await dying.start();
  await load;
  await new Audit(lab, clients.paid, since).untilQuiet(DEADLINE_MS);
  return { orphanCount, tookMs };
}

async function statusAt(url: string, correlationId: string): Promise<string> {
  const { status, body } = await exchangeKept('GET', `${url}/payments/${correlationId}`);
  return status === 200 ? (JSON.parse(body) as { status: string }).status : 'absent';
}
