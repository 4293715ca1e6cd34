import { sanitizeEnvironment } from '../config/environment.ts';
import { command, DONE, examples, FAILED } from './command.ts';
import { ledgerUrl } from './export.ts';

export const restore = command('restore')
  .summary('put a backup in place, as books that may be behind')
  .description(
    'Puts a backup where the ledger is to be, which must not exist. Without a directory, it takes the books that are there ' +
      'as restored: do that after you have put the files of a Redis in place, before a gateway starts. Restored books charge ' +
      'nothing before dinossauro audit --adopt has compared them with the processors. See docs/books.md.',
  )
  .argument('[directory]', 'what dinossauro backup has written')
  .option('--ledger <url>', 'where the books are to be; default: LEDGER_URL', ledgerUrl)
  .addHelpText(
    'after',
    examples([
      ['restore /backups/2025-07-15', 'an LMDB ledger'],
      ['restore --ledger redis://books.internal', 'a Redis that was started with the files of a backup'],
    ]),
  )
  .action(async (directory, { ledger }) => {
    const { runRestore } = await import('../books/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    const parts = { environment: process.env, say: (line: string) => console.error(line) };
    process.exitCode = (await runRestore({ directory, ledger }, parts)) ? DONE : FAILED;
  });
