import { existsSync } from 'node:fs';
import { BooksWriter } from '../books/books-writer.ts';
import { type Config, readConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { isSetupError } from '../core/setup-error.ts';
import { journalDirectories, journalPayments } from '../journal/payments.ts';
import { addedProcessors } from './added-processors.ts';
import { Adoption, type AdoptionReport, type Suspect } from './adoption.ts';
import { openAuditedProcessors } from './audited-processors.ts';
import { isSame } from './period.ts';
import { suspectsIn } from './suspects-file.ts';
import { sides, summed } from './text.ts';

export interface AdoptOrder {
  readonly json: boolean;
  /** The operator knows that no payment of before the restore comes again. */
  readonly trust: boolean;
  /** A file of further payments to look up; empty: none. */
  readonly ids: string;
}

export interface AdoptSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  readonly complain: (line: string) => void;
}

/** Exit codes, as those of an audit: nothing is missing; something is wrong; not everything could be compared. */
const AGREES = 0;
const DIFFERS = 1;
const UNKNOWN = 2;
const PROGRESS_EVERY = 500;

/** Implements `dinossauro audit --adopt`: prints the report, and returns the exit code. */
export async function runAdopt(order: AdoptOrder, surroundings: AdoptSurroundings): Promise<number> {
  const { environment, print, complain } = surroundings;
  const reading = readConfig(environment);
  for (const line of reading.warnings) complain(`dinossauro: ${line}`);
  const outcome: Outcome<AdoptionReport> =
    reading.kind === 'wrong'
      ? failed(...reading.problems)
      : await adopt(reading.config, environment, order, complain);
  if (outcome.kind === 'failed') {
    for (const line of outcome.lines) complain(`dinossauro: ${line}`);
    return UNKNOWN;
  }
  const report = outcome.value;
  print(order.json ? JSON.stringify(report, null, 1) : adoptionLines(report).join('\n'));
  return exitCodeOf(report);
}

async function adopt(
  configured: Config,
  environment: Environment,
  { ids, trust }: AdoptOrder,
  complain: (line: string) => void,
): Promise<Outcome<AdoptionReport>> {
  const opened = await openParts(configured, environment);
  if (opened.kind === 'failed') return opened;
  const { config, writer, processors } = opened.value;
  try {
    const adoption = new Adoption({
      writer,
      trusts: trust,
      processors,
      clock: systemClock,
      rate: config.audit.rate,
      paymentLimit: config.audit.paymentLimit,
      callMayRunMs: Math.max(...config.processors.map(({ inDoubtHoldMs }) => inDoubtHoldMs)),
      suspects: () => suspectsOf(config, ids),
      onProgress: (count) => {
        if (count % PROGRESS_EVERY === 0) complain(`looked up ${count} payments`);
      },
    });
    return await adoption.run();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return failed(error.message);
    throw error;
  } finally {
    await Promise.all([...processors.map(({ books }) => books.close()), writer.close()]);
  }
}

async function openParts(configured: Config, environment: Environment) {
  try {
    const names = configured.processors.map(({ name }) => name);
    const writer = await BooksWriter.open(configured.ledger, names, systemClock);
    if (writer.kind === 'failed') return writer;
    const added = await addedProcessors(writer.value.ledger, configured.processors, environment);
    const config = { ...configured, processors: [...configured.processors, ...added] };
    const processors = await openAuditedProcessors(config.processors, systemClock);
    return { kind: 'ok', value: { config, writer: writer.value, processors } } as const;
  } catch (error) {
    if (isSetupError(error)) return failed(error.message);
    throw error;
  }
}

/**
 * The payments that gateways would send as new, because they are in their journals; then those of the operator's file. Each
 * comes once, from its journal if it is in one: journals are bounded, and know more about a payment than the file.
 */
export async function* suspectsOf(
  { journalDir, takesOverJournals }: Pick<Config, 'journalDir' | 'takesOverJournals'>,
  ids: string,
): AsyncGenerator<Suspect> {
  const journaledIds = new Set<string>();
  for (const directory of journalDirectories(journalDir, takesOverJournals)) {
    if (!existsSync(directory)) continue;
    for (const payment of journalPayments(directory)) {
      if (journaledIds.has(payment.correlationId)) continue;
      journaledIds.add(payment.correlationId);
      yield payment;
    }
  }
  if (ids === '') return;
  for await (const suspect of suspectsIn(ids)) if (!journaledIds.has(suspect.correlationId)) yield suspect;
}

function exitCodeOf({ after, chargedTwice, totals }: AdoptionReport): number {
  if (chargedTwice.length > 0) return DIFFERS;
  if (after.kind === 'in-use') return AGREES;
  const differs = totals.some(({ here, there }) => there !== null && !isSame(here, there));
  return differs ? DIFFERS : UNKNOWN;
}

function adoptionLines(report: AdoptionReport): string[] {
  const { adopted, otherwiseKnownCount, absentCount, chargedTwice, unresolved, unresolvedCount } = report;
  return [
    `Restored books: ${report.before.detail}.`,
    `${report.lookedUpCount} payments looked up at every processor:`,
    `  ${summed(adopted)} were charged and are in the books now`,
    `  ${otherwiseKnownCount} are pending or were rejected there, which the books know now`,
    `  ${absentCount} were not charged: gateways send them`,
    ...(unresolvedCount === 0
      ? []
      : [`  ${unresolvedCount} are not resolved, because no processor has said what became of them:`]),
    ...unresolved.map((id) => `    ${id}`),
    ...(chargedTwice.length === 0 ? [] : ['CHARGED TWICE: more than one processor holds']),
    ...chargedTwice.map((id) => `    ${id}`),
    'Totals up to the restore:',
    ...report.totals.map(({ name, here, there }) => `  ${name}: ${sides(here, there)}`),
    ...report.problems.map((problem) => `Incomplete: ${problem}`),
    verdictOf(report),
  ];
}

function verdictOf({ after, unresolvedCount, isProven }: AdoptionReport): string {
  switch (after.kind) {
    case 'in-use':
      if (!isProven) return 'The books are in use again, on your word: they were not proven to be complete.';
      return 'The books agree with every processor: they are in use again.';
    case 'unproven':
      return (
        'Processors may hold payments that these books do not know. Gateways send again, and look each payment up at every ' +
        'processor before they send it for the first time. Give more ids with --ids, or audit again to end that.'
      );
    default:
      return unresolvedCount > 0
        ? 'The books stay as they are: run this again once the processors answer.'
        : 'The books stay as they are: run this again once that is fixed.';
  }
}
