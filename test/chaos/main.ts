// npm run chaos -- [--minutes 10] [--seed N] [--ledger redis|lmdb|both] [--round-seconds 20] [--only FAULTS]
//   [--set NAME=VALUE]…
// npm run chaos -- --measure takeover [--ledger redis|lmdb|both]
// `--set` gives the gateways a setting. Ends with code 1 when a promise was broken.
import { parseArgs } from 'node:util';
import { Random } from '../sim/random.ts';
import type { LedgerKind } from './lab.ts';
import { run, type Tally } from './run.ts';
import { measureTakeover } from './takeover.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    ledger: { type: 'string', default: 'both' },
    'round-seconds': { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    set: { type: 'string', multiple: true, default: [] },
    measure: { type: 'string' },
  },
});
const ledgers = ledgersOf(values.ledger);
const settings = Object.fromEntries(values.set.map((text) => text.split('=', 2)));
// The lab takes everything with it as this process exits.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
if (values.measure === 'takeover') await measureTakeover(ledgers, console.log);
else if (values.measure === undefined) process.exitCode = (await runAll()) ? 0 : 1;
else throw new Error('--measure knows only takeover');

async function runAll(): Promise<boolean> {
  const startMs = performance.now();
  console.log(`seed ${values.seed}`);
  const tallies = new Map<LedgerKind, Tally>();
  for (const ledger of ledgers) {
    console.log(`\nledger ${ledger}`);
    const tally = await run({
      ledger,
      random: new Random(Number(values.seed)).fork(ledger),
      durationMs: (Number(values.minutes) * 60_000) / ledgers.length,
      roundMs: Number(values['round-seconds']) * 1000,
      settings,
      only: values.only,
      say: console.log,
    });
    tallies.set(ledger, tally);
  }
  for (const [ledger, tally] of tallies) printTally(ledger, tally);
  console.log(`\n${((performance.now() - startMs) / 60_000).toFixed(1)} min, seed ${values.seed}`);
  return [...tallies.values()].every(({ breaches }) => breaches.length === 0);
}

function printTally(
  ledger: LedgerKind,
  { rounds, payments, posts, charged, setAside, faults, breaches }: Tally,
): void {
  const kills = [...faults].reduce(
    (sum, [name, count]) =>
      sum + (name.startsWith('kill') ? count : 0) + (name === 'kill both instances' ? count : 0),
    0,
  );
  const broken = (promise: string) => breaches.filter((breach) => breach.promise === promise).length;
  const rows: [string, number][] = [
    ['rounds', rounds],
    ['payments', payments],
    ['posts', posts],
    ['charged', charged],
    ['set aside', setAside],
    ['kills', kills],
    ['faults', [...faults.values()].reduce((sum, count) => sum + count, 0)],
    ...[...faults].sort().map(([name, count]): [string, number] => [`  ${name}`, count]),
    ['lost', broken('lost')],
    ['charged twice', broken('twice')],
    ['windows wrong', broken('window')],
    ['health calls over budget', broken('health')],
    ['answers or amounts wrong', broken('idempotence')],
    ['memory, descriptors or journals not given back', broken('bounds')],
  ];
  console.log(`\n| ${ledger} | |\n|---|---|`);
  for (const [name, count] of rows) console.log(`| ${name} | ${count} |`);
}

function ledgersOf(text: string): LedgerKind[] {
  if (text === 'both') return ['redis', 'lmdb'];
  if (text === 'redis' || text === 'lmdb') return [text];
  throw new Error('--ledger is redis, lmdb or both');
}
