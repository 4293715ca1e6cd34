import { sanitizeEnvironment } from '../config/environment.ts';
import { command, DONE, examples, FAILED } from './command.ts';
import { ledgerUrl } from './export.ts';

export const backup = command('backup')
  .summary('copy the books of an LMDB ledger to a directory, while gateways use them')
  .description(
    'Copies an LMDB ledger as it is at one moment. A copy made in another way, such as with cp, may be damaged. Redis makes ' +
      'its own backups: see docs/books.md.',
  )
  .argument('<directory>', 'a new directory')
  .option('--ledger <url>', 'the books; default: LEDGER_URL', ledgerUrl)
  .addHelpText('after', examples([['backup /backups/2025-07-15', 'the books of LEDGER_URL']]))
  .action(async (directory, { ledger }) => {
    const { runBackup } = await import('../books/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    const parts = { environment: process.env, say: (line: string) => console.error(line) };
    process.exitCode = (await runBackup({ directory, ledger }, parts)) ? DONE : FAILED;
  });
