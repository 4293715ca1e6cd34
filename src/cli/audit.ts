import { demoEnvironment } from '../config/demo.ts';
import { sanitizeEnvironment } from '../config/environment.ts';
import { command, examples, Misuse, option, timestamp } from './command.ts';
import { httpUrl, TOKEN_OPTION, tokenOf } from './gateway-options.ts';

export const audit = command('audit')
  .summary("compare our books with the processors' own, down to single payments")
  .description(
    "Compares our books with the processors' own. Without --url it reads our ledger directly, and takes the same settings as " +
      "the gateway. Set PROCESSOR_TOKENS (name=token,…) so that it can read the processors' totals. If no processors are " +
      'configured, it audits those of dinossauro start. See docs/audit.md.',
  )
  .option('--from <timestamp>', 'only payments requested at or after this time', timestamp)
  .option('--to <timestamp>', 'only payments requested at or before this time', timestamp)
  .option('--every', 'look up every payment, even where the totals agree')
  .option('--all', 'list every difference instead of grouping them')
  .option('--json', 'print the complete report as JSON')
  .option('--progress', 'show progress on standard error, even with --json')
  .option('--url <url>', 'run the audit in this gateway (GET /audit)', httpUrl)
  .addOption(TOKEN_OPTION)
  .addOption(
    option(
      '--adopt',
      'restored books: take in what processors hold and the books do not, and use them again',
    ).conflicts(['from', 'to', 'every', 'all', 'url']),
  )
  .option('--trust', 'with --adopt: use the books although it is not proven that nothing is missing')
  .option('--ids <file>', 'with --adopt: also look up these payments, one id and amount in cents a line')
  .addHelpText(
    'after',
    '\nExit codes: 0 the books agree, 1 they differ, 2 the audit could not check everything, 3 payments are still settling.',
  )
  .addHelpText(
    'after',
    examples([
      ['PROCESSOR_TOKENS=default=123,fallback=123 dinossauro audit', 'all payments so far'],
      ['audit --from 2025-07-15 --to 2025-07-16 --json', 'one day, for a program'],
      ['audit --adopt --ids lost.txt', 'after a restore'],
      ['audit --url http://127.0.0.1:9999 --token "$ADMIN_TOKEN"', 'in a running gateway'],
    ]),
  )
  .action(
    async ({
      from = '',
      to = '',
      every = false,
      all = false,
      json = false,
      progress = false,
      url,
      token,
      adopt = false,
      ids = '',
      trust = false,
    }) => {
      for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
      if ((ids !== '' || trust) && !adopt) {
        throw new Misuse('--ids and --trust go with --adopt (see dinossauro audit --help)');
      }
      if (adopt) {
        const { runAdopt } = await import('../audit/adopt-command.ts');
        process.exitCode = await runAdopt(
          { json, ids, trust },
          {
            environment: demoEnvironment(process.env),
            print: (report) => console.log(report),
            complain: (line) => console.error(line),
          },
        );
        return;
      }
      const { runAudit } = await import('../audit/command.ts');
      process.exitCode = await runAudit(
        { from, to, every, all, json, progress, url, token: tokenOf(token) },
        {
          // If no processor is configured, the simulated ones of `npm start`.
          environment: demoEnvironment(process.env),
          print: (report) => console.log(report),
          complain: (line) => console.error(line),
          progress: {
            isTerminal: process.stderr.isTTY === true,
            write: (text) => process.stderr.write(text),
          },
        },
      );
    },
  );
