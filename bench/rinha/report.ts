import { auditText } from './audited.ts';
import { bestFailoverDelay, type Split } from './bound.ts';
import type { Course } from './course.ts';
import type { MeteredPart } from './meter.ts';
import type { Result } from './run.ts';
import { conditionAt, describe, PROCESSORS } from './scenario.ts';
import { percentile } from './score.ts';

/** The progress of a run, in one line. */
export function progressLine({ scenario, record, nowMs }: Course): string {
  const atMs = nowMs();
  const [atDefault, atFallback] = PROCESSORS.map((name) =>
    describe(conditionAt(scenario.stages, name, atMs)),
  );
  const { settled } = record;
  return [
    `${seconds(atMs)}/${seconds(scenario.durationMs)}`,
    `users ${record.users}`,
    `accepted ${record.acceptedCount}`,
    ...(record.failedCount > 0 ? [`FAILED ${record.failedCount}`] : []),
    `settled ${settled.default} + ${settled.fallback}`,
    `backlog ${record.backlogCount}`,
    `default ${atDefault}; fallback ${atFallback}`,
  ].join('  ');
}

/** The report of a run, as lines. */
export function reportLines(result: Result): string[] {
  return [
    titleOf(result),
    ...figures(result).map(([name, value]) => `  ${name.padEnd(18)} ${value}`),
    ...result.metered.parts.map((part) => `    ${partLine(part)}`),
    ...wrongChecks(result).map((line) => `    ${line}`),
  ];
}

/** The names and values to report, for terminal and page. */
export function figures(result: Result): [name: string, value: string][] {
  const { latencies, metered } = result;
  return [
    ...(result.entry === 'floor' ? [] : scoreFigures(result)),
    ['posts', `${result.acceptedCount} accepted, ${result.failedCount} failed`],
    [
      'latency',
      `p50 ${ms(latencies.p50Ms)}, p99 ${ms(latencies.p99Ms)}, max ${ms(latencies.maxMs)} of ${latencies.count}`,
    ],
    [
      'CPU per payment',
      metered.parts.length === 0 ? 'not measured here' : `${metered.cpuPerPaymentUs.toFixed(0)} µs`,
    ],
    ['peak memory', metered.peakBytes === 0 ? 'not measured here' : megabytes(metered.peakBytes)],
    [
      'host steal',
      `${percent(metered.stealShare)}; the harness took ${percent(result.harnessCpuShare)} of a core`,
    ],
  ];
}

function scoreFigures(result: Result): [name: string, value: string][] {
  const { score, bound } = result;
  const best = bestFailoverDelay(bound.failover);
  return [
    ['score', score.disqualified ? 'DISQUALIFIED: more settled than posted' : money(score.cents)],
    [
      'profit',
      `${money(score.profitCents)} of ${money(score.amountCents)}, bonus ${percent(score.bonus)}, fine ${percent(score.fine)}`,
    ],
    [
      'perfect profit',
      `${splitText(bound.hindsight)}: this run has ${ratio(score.profitCents, bound.hindsight)}`,
    ],
    ['daring profit', `${splitText(bound.daring)}: ${ratio(score.profitCents, bound.daring)}`],
    ['best patience', best === undefined ? '-' : `${best.failoverDelayMs} ms, ${splitText(best)}`],
    ...PROCESSORS.map((name): [string, string] => [name, settledText(result, name)]),
    ['lag', String(score.lagCount)],
    ['inconsistencies', `${inconsistencies(result)} in ${result.checks.length} checks`],
    ['books at the end', booksText(result)],
    ['audit', auditText(result.audit)],
  ];
}

export function partLine(part: MeteredPart): string {
  const throttled =
    part.throttledShare === null ? '' : `, ${percent(part.throttledShare)} of periods throttled`;
  const cpu = `${part.cpuPerPaymentUs.toFixed(0)} µs per payment`;
  return `${part.part.padEnd(16)} ${cpu}${throttled}, ${megabytes(part.peakBytes)} peak`;
}

/** What was run where. */
export function titleOf({ scenario, site, entry }: Result): string {
  return `${scenario.name} on ${site}${entry === 'gateway' ? '' : `, ${entry}`}`;
}

/** Compares the gateway with each other entry turn by turn, and shows the medians of all. */
export function comparisonLines(results: readonly Result[]): string[] {
  const entries = [...new Set(results.map(({ entry }) => entry))];
  const byEntry = new Map(
    entries.map((entry) => [entry, results.filter((result) => result.entry === entry)]),
  );
  const gateways = byEntry.get('gateway') ?? [];
  const comparisons = entries
    .filter((entry) => entry !== 'gateway')
    .flatMap((entry) => turnLines(gateways, byEntry.get(entry) ?? [], entry));
  const medians = Array.from(byEntry, ([entry, runs]) => `  ${entry}: ${medianText(runs)}`);
  return [...comparisons, `medians of ${gateways.length}`, ...medians];
}

function turnLines(gateways: readonly Result[], others: readonly Result[], entry: string): string[] {
  const turns = gateways.flatMap((gateway, index) => {
    const other = others[index];
    return other === undefined ? [] : [{ gateway, other }];
  });
  const lines = turns.map(({ gateway, other }, index) => {
    const steal = `steal ${percent(gateway.metered.stealShare)} / ${percent(other.metered.stealShare)}`;
    return `  turn ${index + 1}: p99 ${versus(gateway, other, p99Of, ms)}, CPU ${versus(gateway, other, cpuOf, us)}, ${steal}`;
  });
  const ratio = (of: (result: Result) => number) =>
    median(turns.map(({ gateway, other }) => of(gateway) / of(other))).toFixed(2);
  return [
    `gateway / ${entry}`,
    ...lines,
    `  median: p99 × ${ratio(p99Of)}, CPU per payment × ${ratio(cpuOf)}`,
  ];
}

function medianText(runs: readonly Result[]): string {
  const of = (value: (result: Result) => number) => median(runs.map(value));
  const unsettled = of(({ score }) => score.lagCount);
  return [
    `p50 ${ms(of(({ latencies }) => latencies.p50Ms))}, p99 ${ms(of(p99Of))}`,
    `CPU ${us(of(cpuOf))}, peak ${megabytes(of(({ metered }) => metered.peakBytes))}`,
    runs[0]?.entry === 'floor' ? '' : `${unsettled} unsettled`,
  ]
    .filter(Boolean)
    .join(', ');
}

function median(values: readonly number[]): number {
  return percentile(Float64Array.from(values).sort(), 0.5);
}

function versus(
  one: Result,
  other: Result,
  of: (result: Result) => number,
  text: (value: number) => string,
): string {
  return `${text(of(one))} / ${text(of(other))} = ${(of(one) / of(other)).toFixed(2)}`;
}

function p99Of(result: Result): number {
  return result.latencies.p99Ms;
}

function cpuOf(result: Result): number {
  return result.metered.cpuPerPaymentUs;
}

function settledText(result: Result, name: (typeof PROCESSORS)[number]): string {
  const { count, amountCents } = (
    result.scenario.totalsFrom === 'backend' ? result.backend : result.processors
  )[name];
  const fee = result.fees[name];
  return `${count} settled, ${money(amountCents)}, fee ${money(amountCents * fee)} (${percent(fee)})`;
}

function splitText(split: Split): string {
  const unsettled = split.unsettled > 0 ? ` + ${split.unsettled} unsettled` : '';
  return `${money(split.profitCents)} (${split.default} + ${split.fallback}${unsettled})`;
}

function ratio(profitCents: number, split: Split): string {
  return `${((profitCents / split.profitCents) * 100).toFixed(2)}% of it`;
}

function inconsistencies(result: Result): number {
  return result.checks.reduce((sum, check) => sum + check.errorCount, 0);
}

/** A backend that lags still settles while it is asked, so a difference is not necessarily an error. */
function booksText({ backend, processors }: Result): string {
  const differing = PROCESSORS.filter((name) => backend[name].amountCents !== processors[name].amountCents);
  if (differing.length === 0) return 'agree with the processors';
  const sides = differing.map((name) => `${name} ${backend[name].count}, there ${processors[name].count}`);
  return `DIFFER: ${sides.join('; ')}`;
}

function wrongChecks({ checks }: Result): string[] {
  return checks
    .filter((check) => check.errorCount > 0 || !check.answered)
    .map(({ atMs, answered, errorCount, backend, processors }) => {
      const sides = PROCESSORS.map(
        (name) => `${name} ${backend[name].count}, there ${processors[name].count}`,
      );
      return `check at ${seconds(atMs)}: off by ${errorCount}${answered ? '' : ', NOT ANSWERED'} (${sides.join('; ')})`;
    });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}

function us(value: number): string {
  return `${value.toFixed(0)} µs`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MB`;
}

function money(cents: number): string {
  return (cents / 100).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
