import { demoEnvironment } from '../config/demo.ts';
import { sanitizeEnvironment } from '../config/environment.ts';
import { parseWindow } from '../core/time-window.ts';
import { checked, command, examples } from './command.ts';

const isHttpUrl = (text: string) => /^https?:\/\//.test(text) && URL.canParse(text);

const timestamp = checked((text) =>
  parseWindow(String(new URLSearchParams({ from: text }))).kind === 'ok'
    ? null
    : 'Expected an ISO 8601 timestamp, such as 2025-07-15T12:34:56Z.',
);
const url = checked((text) => (isHttpUrl(text) ? null : 'Expected an http or https URL.'));

export const audit = command('audit')
  .summary("our books against the processors' own, down to the payments that differ")
  .description(
    "Compares our books with the processors' own. Without --url it reads the books itself, with the settings that a gateway " +
      "is started with; PROCESSOR_TOKENS (name=token,…) lets it read the processors' totals. Without processors in the " +
      'environment it audits those of dinossauro start. See docs/audit.md.',
  )
  .option('--from <timestamp>', 'payments requested at or after this (the beginning)', timestamp)
  .option('--to <timestamp>', 'payments requested at or before this (now)', timestamp)
  .option('--every', 'look up every payment, also where the totals are the same')
  .option('--all', 'list every difference; without it, those that are alike are gathered')
  .option('--json', 'print the report as JSON, complete')
  .option('--progress', 'report progress on standard error, also with --json')
  .option('--url <url>', 'let this gateway do it (GET /audit)', url)
  .option('--token <text>', "the gateway's token (the environment's ADMIN_TOKEN)")
  .addHelpText(
    'after',
    '\nExit codes: 0 the books agree, 1 they differ, 2 it could not be told, 3 payments are still settling.',
  )
  .addHelpText(
    'after',
    examples([
      ['PROCESSOR_TOKENS=default=123,fallback=123 dinossauro audit', 'everything so far'],
      ['audit --from 2025-07-15 --to 2025-07-16 --json', 'one day, for a program'],
      ['audit --url http://127.0.0.1:9999 --token "$ADMIN_TOKEN"', 'by a gateway that runs'],
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
    }) => {
      const { runAudit } = await import('../audit/command.ts');
      for (const line of sanitizeEnvironment(process.env)) console.error(`dinossauro: ${line}`);
      process.exitCode = await runAudit(
        { from, to, every, all, json, progress, url, token: token ?? process.env['ADMIN_TOKEN'] ?? '' },
        {
          // Where no processor is named, they are those that `npm start` plays.
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
