import type { ChaosValues } from '../../src/cli/chaos.ts';
import { Random } from '../sim/random.ts';
import type { LedgerKind } from './lab.ts';
import { CONTEST, MIXED } from './processors.ts';
import { run, type Tally } from './run.ts';
import { measureTakeover } from './takeover.ts';

/** `dinossauro chaos`. Resolves to the exit code: 1 if a promise was broken. */
export default async function chaos(values: ChaosValues): Promise<number> {
  const ledgers: LedgerKind[] = values.ledger === 'both' ? ['redis', 'lmdb'] : [values.ledger];
  // The lab stops everything when this process exits.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  if (values.measure === undefined) return (await runAll(ledgers, values)) ? 0 : 1;
  await measureTakeover(ledgers, console.log);
  return 0;
}

async function runAll(ledgers: readonly LedgerKind[], values: ChaosValues): Promise<boolean> {
  const seed = values.seed ?? Date.now() % 1_000_000;
  const startMs = performance.now();
  console.log(`seed ${seed}`);
  const tallies = new Map<LedgerKind, Tally>();
  for (const ledger of ledgers) {
    console.log(`\nledger ${ledger}`);
    const tally = await run({
      ledger,
      random: new Random(seed).fork(ledger),
      durationMs: (values.minutes * 60_000) / ledgers.length,
      roundMs: values.roundSeconds * 1000,
      processors: values.contracts ? MIXED : CONTEST,
      instanceCount: values.instances,
      ratePerS: values.rate ?? null,
      settings: Object.fromEntries(values.set ?? []),
      only: values.only ?? [],
      say: console.log,
    });
    tallies.set(ledger, tally);
  }
  for (const [ledger, tally] of tallies) printTally(ledger, values.instances, tally);
  console.log(`\n${((performance.now() - startMs) / 60_000).toFixed(1)} min, seed ${seed}`);
  return [...tallies.values()].every(({ breaches }) => breaches.length === 0);
}

function printTally(
  ledger: LedgerKind,
  instances: number,
  { rounds, payments, posts, refused, charged, rejected, faults, breaches }: Tally,
): void {
  const kills = [...faults].reduce(
    (sum, [name, count]) =>
      sum + (name === 'kill all instances' ? instances : 1) * (name.startsWith('kill') ? count : 0),
    0,
  );
  const broken = (promise: string) => breaches.filter((breach) => breach.promise === promise).length;
  const rows: [string, number][] = [
    ['rounds', rounds],
    ['payments', payments],
    ['posts', posts],
    ['posts to nginx that got 503 or no answer, and were repeated', refused],
    ['charged', charged],
    ['rejected', rejected],
    ['kills', kills],
    ['faults', [...faults.values()].reduce((sum, count) => sum + count, 0)],
    ...[...faults].sort().map(([name, count]): [string, number] => [`  ${name}`, count]),
    ['lost', broken('lost')],
    ['charged twice', broken('twice')],
    ['windows wrong', broken('window')],
    ['health calls over budget', broken('health')],
    ['wrong answers or amounts', broken('idempotence')],
    ['memory, descriptors or journals not released', broken('bounds')],
  ];
  console.log(`\n| ${ledger} | |\n|---|---|`);
  for (const [name, count] of rows) console.log(`| ${name} | ${count} |`);
}
