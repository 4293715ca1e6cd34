import { systemClock } from '../core/clock.ts';
import { decimalToCents } from '../core/money.ts';
import { SEARCHED_STATUSES } from '../ledger/search.ts';
import { checked, command, DONE, examples, FAILED, option, timestamp, whole } from './command.ts';
import { GATEWAY_URL, httpUrl, TOKEN_ABOUT, tokenOf } from './gateway-options.ts';

const LIMIT_DEFAULT = 100;

const amount = checked((text) =>
  (decimalToCents(text) ?? -1) >= 0 ? null : 'Expected an amount in whole cents, such as 19.90.',
);

export const payments = command('payments')
  .summary('list and search payments in a running gateway')
  .description(
    'Lists the payments of the books, in no order of time, as a running gateway shows them (GET /payments). Open and rejected ' +
      'are found at once; every other search walks through all payments, page by page. What is only in the journal of an ' +
      'instance is not in the books.',
  )
  .addOption(
    option('--status <status>', 'only these; open: accepted or dispatched').choices(SEARCHED_STATUSES),
  )
  .option('--processor <name>', 'only those last sent to this processor')
  .option('--from <timestamp>', 'only those accepted at or after this time', timestamp)
  .option('--to <timestamp>', 'only those accepted at or before this time', timestamp)
  .option('--requested', '--from and --to bound when they were last sent, instead of when they were accepted')
  .option('--min-amount <amount>', 'only those of at least this amount', amount)
  .option('--max-amount <amount>', 'only those of at most this amount', amount)
  .option('--reason <text>', 'only those rejected with a reason that contains this text')
  .option('--limit <number>', `stop after this many; default: ${LIMIT_DEFAULT}`, whole(1))
  .addOption(option('--all', 'do not stop').conflicts('limit'))
  .addOption(option('--json', 'print one JSON object a line').conflicts('csv'))
  .option('--csv', 'print comma-separated values, with a header')
  .option('--url <url>', `the gateway; default: ${GATEWAY_URL}`, httpUrl)
  .option('--token <text>', TOKEN_ABOUT)
  .addHelpText(
    'after',
    examples([
      ['payments --status open', 'what the gateway still owes an outcome'],
      [
        'payments --status rejected --reason expired --csv > rejected.csv',
        'rejected payments, for a spreadsheet',
      ],
      [
        'payments --from 2025-07-15 --min-amount 500 --all --json',
        'a search through all payments, for a program',
      ],
    ]),
  )
  .action(async ({ url = GATEWAY_URL, token, all = false, limit = LIMIT_DEFAULT, json, csv, ...given }) => {
    const { listPayments } = await import('../operate/list-payments.ts');
    const filters = Object.entries({
      status: given.status,
      processor: given.processor,
      from: given.from,
      to: given.to,
      time: given.requested === true ? 'requested' : undefined,
      minAmount: given.minAmount,
      maxAmount: given.maxAmount,
      reason: given.reason,
    }).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const format = json === true ? 'json' : csv === true ? 'csv' : 'table';
    const isDone = await listPayments(
      {
        url,
        token: tokenOf(token),
        filters: Object.fromEntries(filters),
        limit: all ? Infinity : limit,
        format,
      },
      {
        clock: systemClock,
        print: (line) => console.log(line),
        complain: (line) => console.error(line),
      },
    );
    process.exitCode = isDone ? DONE : FAILED;
  });
