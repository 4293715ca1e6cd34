import { parseArgs } from 'node:util';
import { type FuzzReport, fuzz } from './fuzz.ts';
import { type HoldReport, hold, type Latencies } from './hold.ts';
import { type Gauges, Site } from './site.ts';

const USAGE = `Fuzzes two gateways on one ledger, each directly and both through nginx.

  npm run fuzz -- [--requests 100000] [--seed N] [--ledger redis|lmdb]
  npm run fuzz -- --hold 10000 [--seed N] [--ledger redis|lmdb]

The second form measures an honest client's latency without and with so many idle or dripping connections.`;

/**
 * What is promised of an honest client's p99 behind nginx, in times of its usual one. Alone, a gateway promises none:
 * its library closes thousands of idle connections in one sweep, and answers nobody meanwhile.
 */
const RATIO_LIMIT = 3;

interface Options {
  readonly requests: number;
  readonly seed: number;
  readonly ledger: 'lmdb' | 'redis';
  /** Connections; 0: fuzz instead. */
  readonly hold: number;
}

const options = readOptions();
console.log(`seed ${options.seed}, ledger ${options.ledger}`);
await Site.run(options.ledger, async (site) => {
  const isGood = options.hold > 0 ? await runHold(site, options) : await runFuzz(site, options);
  process.exitCode = isGood ? 0 : 1;
});

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      ledger: { type: 'string', default: 'redis' },
      hold: { type: 'string', default: '0' },
    },
  });
  const [requests, seed, holdCount] = [values.requests, values.seed, values.hold].map(Number);
  const { ledger } = values;
  const isSound = [requests, seed, holdCount].every(
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  );
  if (!isSound || (ledger !== 'redis' && ledger !== 'lmdb')) {
    console.error(USAGE);
    process.exit(1);
  }
  return { requests: requests ?? 0, seed: seed ?? 0, ledger, hold: holdCount ?? 0 };
}

async function runFuzz(site: Site, { requests, seed }: Options): Promise<boolean> {
  const report = await fuzz(site, { requests, seed });
  print(report);
  return report.faults.length === 0;
}

function print(report: FuzzReport): void {
  const { acceptedCount, refusedCount, openCount, chargedCount } = report;
  const kinds = Array.from(report.counts).sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [kind, count] of kinds) console.log(`${kind.padEnd(28)} ${count}`);
  console.log(`${report.requests} requests at ${Math.round(report.ratePerS)}/s after a warm-up`);
  console.log(
    `payments: ${acceptedCount} accepted, ${refusedCount} refused, ${openCount} unanswered; ${chargedCount} charged`,
  );
  console.log(`before: ${shown(report.before)}`);
  console.log(`after:  ${shown(report.after)}`);
  for (const fault of report.faults) console.log(`FAULT ${fault}`);
  console.log(`${report.faults.length} faults`);
}

function shown({ descriptors, memoryBytes }: Gauges): string {
  const sizes = memoryBytes.map((bytes) => Math.round(bytes / 1024 ** 2));
  return `descriptors ${descriptors.join(', ')}; memory of the gateways and nginx ${sizes.join(', ')} MiB`;
}

async function runHold(site: Site, { hold: connections, seed }: Options): Promise<boolean> {
  let isGood = true;
  for (const target of site.targets.slice(0, 2)) {
    const report = await hold(site, target, connections, seed);
    const ratio = report.during.p99Ms / report.without.p99Ms;
    printHold(report, ratio);
    isGood &&= report.during.failedCount === 0;
    if (target.side === 'nginx') isGood &&= ratio <= RATIO_LIMIT;
  }
  const faults = site.faults();
  for (const fault of faults) console.log(`FAULT ${fault}`);
  return isGood && faults.length === 0;
}

function printHold({ side, without, during, held, gauges }: HoldReport, ratio: number): void {
  console.log(
    `${side}: ${held.openCount} connections held, ${held.closedCount} were closed and opened again`,
  );
  console.log(`  honest client without: ${shownLatencies(without)}`);
  console.log(`  honest client with:    ${shownLatencies(during)}`);
  console.log(
    `  p99 ratio ${ratio.toFixed(2)}${side === 'nginx' ? `, at most ${RATIO_LIMIT} wanted` : ''}; ${shown(gauges)}`,
  );
}

function shownLatencies({ p50Ms, p99Ms, failedCount }: Latencies): string {
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${failedCount} failed`;
}
