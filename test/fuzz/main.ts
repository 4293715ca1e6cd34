import type { FuzzValues } from '../../src/cli/fuzz.ts';
import { type FuzzReport, fuzz } from './fuzz.ts';
import { type HoldReport, hold, type Latencies } from './hold.ts';
import { type Gauges, Site } from './site.ts';

/**
 * The promised limit of an honest client's p99 behind nginx, relative to its usual p99. A gateway without nginx has no
 * such limit: its library closes thousands of idle connections in one sweep and answers no request meanwhile.
 */
const RATIO_LIMIT = 3;

/** `dinossauro fuzz`. Resolves to the exit code. */
export default async function main({ ledger, requests, hold, ...values }: FuzzValues): Promise<number> {
  const seed = values.seed ?? Date.now() % 1_000_000;
  console.log(`seed ${seed}, ledger ${ledger}`);
  let isGood = false;
  await Site.run(ledger, async (site) => {
    isGood = hold === undefined ? await runFuzz(site, requests, seed) : await runHold(site, hold, seed);
  });
  return isGood ? 0 : 1;
}

async function runFuzz(site: Site, requests: number, seed: number): Promise<boolean> {
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

async function runHold(site: Site, connections: number, seed: number): Promise<boolean> {
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
  console.log(`${side}: ${held.openCount} connections held, ${held.closedCount} closed and reopened`);
  console.log(`  honest client without: ${shownLatencies(without)}`);
  console.log(`  honest client with:    ${shownLatencies(during)}`);
  console.log(
    `  p99 ratio ${ratio.toFixed(2)}${side === 'nginx' ? ` (limit ${RATIO_LIMIT})` : ''}; ${shown(gauges)}`,
  );
}

function shownLatencies({ p50Ms, p99Ms, failedCount }: Latencies): string {
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${failedCount} failed`;
}
