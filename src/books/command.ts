import { createWriteStream, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { centsToDecimal } from '../core/money.ts';
import { failed, type Outcome } from '../core/outcome.ts';
import { parseWindow } from '../core/time-window.ts';
import { failureText, SUM_TOO_LARGE } from '../ledger/ledger.ts';
import { tooFineReason } from '../ledger/retention.ts';
import { backUpBooks, markRestored, restoreBackup } from './backup.ts';
import { exportBooks } from './export.ts';
import { importBooks } from './import.ts';
import type { ExportTotals } from './line.ts';
import { Migration } from './migrate.ts';
import { type Environment, openBooks, targetOf } from './open-books.ts';
import { PaymentProgress } from './progress.ts';

export interface CommandParts {
  readonly environment: Environment;
  /** Lines for people: never on standard output, which may be the export. */
  readonly say: (line: string) => void;
}

export interface ExportArguments {
  /** ISO 8601; empty: open-ended. */
  readonly from: string;
  readonly to: string;
  readonly ledger: string | undefined;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

export interface ImportArguments {
  readonly file: string;
  readonly ledger: string | undefined;
  readonly into: boolean;
  readonly asRestore: boolean;
}

/** Implements `dinossauro export`. */
export function runExport(given: ExportArguments, parts: CommandParts): Promise<boolean> {
  return report(parts, async () => {
    const window = parseWindow(String(new URLSearchParams({ from: given.from, to: given.to })));
    if (window.kind === 'bad') return failed(window.detail);
    const target = targetOf(parts.environment, given.ledger);
    if (target.kind === 'failed') return target;
    const books = await openBooks(target.value, { clock: systemClock, processorNames: [], mode: 'existing' });
    if (books.kind === 'failed') return books;
    const progress = new PaymentProgress(systemClock, parts.say);
    const { file } = given;
    const partial = file && `${file}.partial`;
    const exported = await exportBooks({
      ledger: books.value.ledger,
      clock: systemClock,
      fromMs: window.fromMs,
      toMs: window.toMs,
      temporaryDirectory: file === undefined ? tmpdir() : dirname(file),
      out: partial === undefined ? process.stdout : createWriteStream(partial, { mode: 0o600, flush: true }),
      onProgress: (readCount) => progress.show(() => `read ${readCount} payments`),
    });
    await books.value.close();
    if (exported.kind === 'too-fine') return failed(`--${exported.bound}: ${tooFineReason(exported)}`);
    if (exported.kind === 'too-large')
      return failed(`${SUM_TOO_LARGE}: choose a shorter time with --from and --to`);
    if (exported.kind === 'unavailable') return failed(failureText(exported));
    if (file !== undefined && partial !== undefined) renameSync(partial, file);
    const { count, totals, sha256 } = exported.value;
    const lines = [`exported ${count} payments, checksum ${sha256}`, ...totals.map(totalsLine)];
    return { kind: 'ok', value: lines };
  });
}

/** Implements `dinossauro import`. */
export function runImport(given: ImportArguments, parts: CommandParts): Promise<boolean> {
  return report(parts, async () => {
    const target = targetOf(parts.environment, given.ledger);
    if (target.kind === 'failed') return target;
    const progress = new PaymentProgress(systemClock, parts.say);
    const imported = await importBooks({
      path: given.file,
      target: target.value,
      clock: systemClock,
      intoExisting: given.into,
      asRestore: given.asRestore,
      onProgress: (doneCount, of) => progress.show(() => `imported ${doneCount} of ${of} payments`),
    });
    if (imported.kind === 'failed') return imported;
    const { restored, known } = imported.value;
    const lines = [`imported ${restored} payments; ${known} were there already`];
    if (given.asRestore) lines.push('the books are frozen until dinossauro audit --adopt has compared them');
    return { kind: 'ok', value: lines };
  });
}

/** Runs a command and prints its result. A file that cannot be read or written is the operator's problem, not a bug. */
async function report(
  { say }: CommandParts,
  run: () => Promise<Outcome<readonly string[]>>,
): Promise<boolean> {
  const outcome = await run().catch((error: unknown) => {
    if (error instanceof Error && 'syscall' in error) return failed(error.message);
    throw error;
  });
  const isDone = outcome.kind === 'ok';
  for (const line of isDone ? outcome.value : outcome.lines) say(isDone ? line : `dinossauro: ${line}`);
  return isDone;
}

function totalsLine({ processor, count, amountCents }: ExportTotals): string {
  return `  settled at ${processor}: ${count} payments of ${centsToDecimal(amountCents)}`;
}

/** Implements `dinossauro backup`. */
export function runBackup(
  { directory, ledger }: { readonly directory: string; readonly ledger: string | undefined },
  parts: CommandParts,
): Promise<boolean> {
  return report(parts, async () => {
    const target = targetOf(parts.environment, ledger);
    if (target.kind === 'failed') return target;
    const made = await backUpBooks(target.value, directory, systemClock);
    if (made.kind === 'failed') return made;
    const { bytes, madeAt, sha256 } = made.value;
    return { kind: 'ok', value: [`backed up ${bytes} bytes as of ${madeAt}, checksum ${sha256}`] };
  });
}

/** Implements `dinossauro restore`. */
export function runRestore(
  { directory, ledger }: { readonly directory: string | undefined; readonly ledger: string | undefined },
  parts: CommandParts,
): Promise<boolean> {
  return report(parts, async () => {
    const target = targetOf(parts.environment, ledger);
    if (target.kind === 'failed') return target;
    const restored =
      directory === undefined
        ? await markRestored(target.value, 'put in place by an operator', systemClock)
        : await restoreBackup(directory, target.value, systemClock);
    if (restored.kind === 'failed') return restored;
    const lines = [
      `these are restored books now (${restored.value})`,
      'gateways that use them charge nothing until dinossauro audit --adopt has compared them with the processors',
    ];
    return { kind: 'ok', value: lines };
  });
}

/** Implements `dinossauro migrate`. */
export function runMigrate(
  {
    from,
    to,
    fromShards,
  }: { readonly from: string; readonly to: string; readonly fromShards: number | null },
  parts: CommandParts,
): Promise<boolean> {
  return report(parts, async () => {
    const { environment } = parts;
    const shards = fromShards === null ? {} : { LEDGER_SHARDS: String(fromShards) };
    const source = targetOf({ ...environment, ...shards }, from);
    if (source.kind === 'failed') return source;
    const target = targetOf(environment, to);
    if (target.kind === 'failed') return target;
    const progress = new PaymentProgress(systemClock, parts.say);
    const moved = await Migration.run({
      from: source.value,
      to: target.value,
      clock: systemClock,
      say: parts.say,
      onProgress: (readCount) => progress.show(() => `read ${readCount} payments`),
    });
    if (moved.kind === 'failed') return moved;
    const { count, stopMs } = moved.value;
    const lines = [
      `moved ${count} payments: count, totals and every payment are the same in both books`,
      `the stop took ${stopMs} ms so far; it ends when the gateways have started with LEDGER_URL=${to}`,
    ];
    return { kind: 'ok', value: lines };
  });
}
