import { centsToDecimal } from '../core/money.ts';
import type { Totals } from '../core/payment.ts';
import { isSame, NOTHING } from './period.ts';
import type { AuditReport, Difference, Holding, ProcessorReport, Verdict, WindowReport } from './report.ts';

const VERDICTS: Readonly<Record<Verdict, string>> = {
  agrees: 'AGREES: the books are the same on both sides',
  settling: 'SETTLING: what differs may still come right by itself, so audit again later',
  differs: 'DIFFERS: something is wrong',
  unknown: 'UNKNOWN: nothing is known to be wrong, and not everything could be looked at',
};

/** A report for people, in lines. */
export function reportLines(report: AuditReport): string[] {
  const { verdict, from, to, startedAt, differences, differenceCount } = report;
  const hidden = differenceCount - differences.length;
  return [
    VERDICTS[verdict],
    `  from ${from ?? 'the beginning'} to ${to ?? startedAt}`,
    ...report.processors.flatMap(processorLines),
    ...differences.flatMap(differenceLines),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...report.problems.map((problem) => `  not known: ${problem}`),
    `  ${counted(report.lookedUpCount)} looked up, ${(report.tookMs / 1000).toFixed(1)} s`,
  ];
}

function processorLines({ name, here, there, windows }: ProcessorReport): string[] {
  return [`  ${name}: ${sides(here, there)}`, ...windows.map(windowLine)];
}

function windowLine({ from, to, here, there, listed, remainder, state }: WindowReport): string {
  const parts = [`${from} to ${to}: ${sides(here, there)}`];
  if (!isSame(here, listed)) parts.push(`our payments are ${summed(listed)}`);
  if (remainder !== null && !isSame(remainder, NOTHING)) {
    parts.push(`no payment of ours explains ${summed(remainder)}`);
  }
  return `    ${parts.join('; ')} (${state})`;
}

function differenceLines({ kind, state, correlationId, here, there, why }: Difference): string[] {
  const ours = here.processor === null ? here.status : `${here.status} at ${here.processor}`;
  const stamp = here.requestedAt === null ? '' : ` for ${here.requestedAt}`;
  return [
    `  ${kind} (${state}) ${correlationId}`,
    `    ${why}`,
    `    here ${ours}, ${money(here.amountCents)}${stamp}; ${there.map(holdingText).join('; ') || 'there nothing'}`,
  ];
}

function holdingText({ processor, amountCents, requestedAt }: Holding): string {
  return `at ${processor} ${money(amountCents)} for ${requestedAt}`;
}

function sides(here: Totals, there: Totals | null): string {
  if (there === null) return `${summed(here)} here, unread there`;
  return isSame(here, there)
    ? `${summed(here)} on both sides`
    : `${summed(here)} here, ${summed(there)} there`;
}

function summed({ count, amountCents }: Totals): string {
  return `${counted(count)} of ${money(amountCents)}`;
}

function counted(count: number): string {
  return `${count} ${count === 1 ? 'payment' : 'payments'}`;
}

function money(cents: number): string {
  return `${cents < 0 ? '-' : ''}${centsToDecimal(Math.abs(cents))}`;
}
