import { sanitizeEnvironment } from '../config/environment.ts';
import { command, DONE, examples, FAILED, whole } from './command.ts';
import { ledgerUrl } from './export.ts';

export const migrate = command('migrate')
  .summary('move the books into another ledger while gateways run, up to a short stop')
  .description(
    'Copies the books into an empty ledger while gateways use the old one. Then it freezes the old books, copies what has ' +
      'changed, and compares both, payment by payment. Gateways accept payments all the time; restart them with the new ' +
      'LEDGER_URL when the command has ended. If it is interrupted, run it again. See docs/books.md.',
  )
  .argument('<from>', 'the URL of the books, as in LEDGER_URL', ledgerUrl)
  .argument('<to>', 'the URL of the new, empty ledger', ledgerUrl)
  .option('--from-shards <n>', 'shards of the old books, if not LEDGER_SHARDS', whole(1, 256))
  .addHelpText(
    'after',
    examples([
      ['migrate lmdb:./data/ledger redis://books.internal', 'from one machine to Redis'],
      [
        'LEDGER_SHARDS=16 dinossauro migrate --from-shards 1 redis://books.internal redis-cluster://node-1,node-2',
        'from one master to a cluster',
      ],
    ]),
  )
  .action(async (from, to, { fromShards = null }) => {
    const { runMigrate } = await import('../books/command.ts');
    for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
    const parts = { environment: process.env, say: (line: string) => console.error(line) };
    process.exitCode = (await runMigrate({ from, to, fromShards }, parts)) ? DONE : FAILED;
  });
