import { settingProblem } from '../config/config.ts';
import { sanitizeEnvironment } from '../config/environment.ts';
import { checked, command, DONE, examples, FAILED, timestamp } from './command.ts';

/** A URL as `LEDGER_URL` takes it. */
export const ledgerUrl = checked((text) => settingProblem('LEDGER_URL', text));

export const exportCommand = command('export')
  .summary('write the books to a file, one line a payment, with a checksum')
  .description(
    'Writes every payment of a window to standard output or a file, as JSON lines ordered by time, with the totals and a ' +
      'checksum in the last line. Gateways may run meanwhile. See docs/books.md.',
  )
  .option(
    '--from <timestamp>',
    'only payments sent (or, if never sent, accepted) at or after this time',
    timestamp,
  )
  .option('--to <timestamp>', 'only those at or before this time', timestamp)
  .option('--ledger <url>', 'the books; default: LEDGER_URL', ledgerUrl)
  .option('--file <path>', 'write to this file, which appears once it is complete')
  .addHelpText(
    'after',
    examples([
      ['export --file books.ndjson', 'everything'],
      ['export --from 2025-07-15 --to 2025-07-16 | gzip > day.ndjson.gz', 'one day'],
    ]),
  )
  .action(async ({ from = '', to = '', ledger, file }) => {
    const { runExport } = await import('../books/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    const parts = { environment: process.env, say: (line: string) => console.error(line) };
    process.exitCode = (await runExport({ from, to, ledger, file }, parts)) ? DONE : FAILED;
  });
