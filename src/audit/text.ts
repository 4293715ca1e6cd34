import { centsToDecimal } from '../core/money.ts';
import type { Totals } from '../core/payment.ts';
import { isSame, NOTHING, plus } from './period.ts';
import {
  type AuditReport,
  belongs,
  type Difference,
  type DifferenceGroup,
  type Holding,
  type ProcessorReport,
  type Verdict,
  type WindowReport,
} from './report.ts';

const VERDICTS: Readonly<Record<Verdict, string>> = {
  agrees: 'AGREES: the books are the same on both sides',
  settling: 'SETTLING: the differences may still settle by themselves; audit again later',
  differs: 'DIFFERS: something is wrong',
  unknown: 'UNKNOWN: no difference found, but not everything could be checked',
};

/** How many similar differences or periods are listed individually. */
const EXAMPLES = 3;

/** The lines of a report for people. Similar differences are summed up, with a few examples, unless `all` is set. */
export function reportLines(report: AuditReport, all: boolean): string[] {
  const { verdict, from, to, startedAt } = report;
  const lines = [
    ...report.processors.flatMap((processor) => processorLines(processor, all)),
    ...report.differenceGroups.flatMap((group) => groupLines(group, report.differences, all)),
  ];
  const isGathered = lines.some(({ isGathered }) => isGathered);
  return [
    VERDICTS[verdict],
    `  from ${from ?? 'the beginning'} to ${to ?? startedAt}`,
    ...lines.map(({ text }) => text),
    ...(isGathered ? ['  use --all to list every one, or --json for programs'] : []),
    ...report.problems.map((problem) => `  incomplete: ${problem}`),
    `  ${counted(report.lookedUpCount)} looked up, ${(report.tookMs / 1000).toFixed(1)} s`,
  ];
}

interface Line {
  readonly text: string;
  /** It sums up others that are not listed. */
  readonly isGathered: boolean;
}

function line(text: string): Line {
  return { text, isGathered: false };
}

function gathered(text: string): Line {
  return { text, isGathered: true };
}

function processorLines({ name, here, there, windows }: ProcessorReport, all: boolean): Line[] {
  const states = [...new Set(windows.map(({ state }) => state))];
  return [
    line(`  ${name}: ${sides(here, there)}`),
    ...states.flatMap((state) =>
      windowLines(
        windows.filter((window) => window.state === state),
        all,
      ),
    ),
  ];
}

/** `windows` are of one processor and one state. */
function windowLines(windows: readonly WindowReport[], all: boolean): Line[] {
  if (all || windows.length <= EXAMPLES) return windows.map((window) => line(windowLine(window, '')));
  return [gathered(windowLine(windows.reduce(joined), `${windows.length} periods within `))];
}

/** Windows are in chronological order and do not overlap, so their sums add up. */
function joined(one: WindowReport, other: WindowReport): WindowReport {
  const both = (first: Totals | null, second: Totals | null) =>
    first === null || second === null ? null : plus(first, second);
  return {
    from: one.from,
    to: other.to,
    here: plus(one.here, other.here),
    there: both(one.there, other.there),
    listed: plus(one.listed, other.listed),
    remainder: both(one.remainder, other.remainder),
    state: one.state,
  };
}

function windowLine(window: WindowReport, before: string): string {
  const { from, to, here, there, listed, remainder, state } = window;
  const parts = [`${before}${from} to ${to}: ${sides(here, there)}`];
  if (!isSame(here, listed)) parts.push(`our payments add up to ${summed(listed)}`);
  if (remainder !== null && !isSame(remainder, NOTHING)) {
    parts.push(`none of our payments explains ${summed(remainder)}`);
  }
  return `    ${parts.join('; ')} (${state})`;
}

function groupLines(group: DifferenceGroup, differences: readonly Difference[], all: boolean): Line[] {
  const { kind, state, processors, count } = group;
  const own = differences.filter((difference) => belongs(difference, group));
  const listed = all ? own : own.slice(0, EXAMPLES);
  const at = processors.length === 0 ? '' : ` at ${processors.join(' and ')}`;
  const hidden = count - listed.length;
  const more = `    and ${hidden} more`;
  return [
    line(`  ${kind} (${state})${at}: ${summed(group)}`),
    ...listed.flatMap((difference) => differenceLines(difference).map(line)),
    ...(hidden === 0 ? [] : [all ? line(`${more}, not included in the report`) : gathered(more)]),
  ];
}

function differenceLines({ correlationId, here, there, why }: Difference): string[] {
  const ours = here.processor === null ? here.status : `${here.status} at ${here.processor}`;
  const stamp = here.requestedAt === null ? '' : ` at ${here.requestedAt}`;
  return [
    `    ${correlationId}: ${why}`,
    `      here ${ours}, ${money(here.amountCents)}${stamp}; ${there.map(holdingText).join('; ') || 'nothing there'}`,
  ];
}

function holdingText({ processor, amountCents, requestedAt }: Holding): string {
  return `held by ${processor}, ${money(amountCents)} at ${requestedAt}`;
}

/** Totals here and there, in words. */
export function sides(here: Totals, there: Totals | null): string {
  if (there === null) return `${summed(here)} here, not readable there`;
  return isSame(here, there)
    ? `${summed(here)} on both sides`
    : `${summed(here)} here, ${summed(there)} there`;
}

export function summed({ count, amountCents }: Totals): string {
  return `${counted(count)} of ${money(amountCents)}`;
}

function counted(count: number): string {
  return `${count} ${count === 1 ? 'payment' : 'payments'}`;
}

function money(cents: number): string {
  return `${cents < 0 ? '-' : ''}${centsToDecimal(Math.abs(cents))}`;
}
