import { sanitizeEnvironment } from '../config/environment.ts';
import { command, DONE, examples, FAILED } from './command.ts';
import { ledgerUrl } from './export.ts';

export const importCommand = command('import')
  .summary('write an export into books')
  .description(
    'Verifies an export and writes it into empty books, which no gateway can use before the import is complete. If it is ' +
      'interrupted, run the same command again. See docs/books.md.',
  )
  .argument('<file>', 'what dinossauro export has written')
  .option('--ledger <url>', 'the books; default: LEDGER_URL', ledgerUrl)
  .option('--into', 'add to books that are in use; payments that they have are compared')
  .option(
    '--as-restore',
    'the export is older than the last charge: compare the books with the processors first',
  )
  .addHelpText(
    'after',
    examples([
      ['import books.ndjson --ledger redis://books.internal', 'move books to Redis'],
      ['import books.ndjson --as-restore', 'bring back books that were lost'],
    ]),
  )
  .action(async (file, { ledger, into = false, asRestore = false }) => {
    const { runImport } = await import('../books/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    const parts = { environment: process.env, say: (line: string) => console.error(line) };
    process.exitCode = (await runImport({ file, ledger, into, asRestore }, parts)) ? DONE : FAILED;
  });
