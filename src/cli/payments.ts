import { systemClock } from '../core/clock.ts';
import { decimalToCents } from '../core/money.ts';
import { isUuid } from '../core/uuid.ts';
import { SEARCHED_STATUSES } from '../ledger/search.ts';
import { checked, command, DONE, examples, FAILED, Misuse, option, timestamp, whole } from './command.ts';
import { GATEWAY_URL, TOKEN_OPTION, tokenOf, URL_OPTION, userName } from './gateway-options.ts';

const LIMIT_DEFAULT = 100;

const amount = checked((text) =>
  (decimalToCents(text) ?? -1) >= 0 ? null : 'Expected an amount in whole cents, such as 19.90.',
);

const list = command('list')
  .summary('list and search them (the default)')
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
  .addOption(URL_OPTION)
  .addOption(TOKEN_OPTION)
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

/** Commander hands over one value at a time. */
const eachId = (id: string, before: readonly string[] = []): readonly string[] => {
  if (!isUuid(id)) throw new Misuse(`${id} is not the id of a payment: expected a UUID`);
  return [...before, id];
};

const BY_OPTION = option(
  '--by <name>',
  'who, for the log of actions; default: the user of this shell',
).default(userName());
const RESULTS_OPTION = option('--json', 'print the result of each payment as JSON');

const sendAgainCommand = command('send-again')
  .summary('have rejected payments sent once more')
  .description(
    'Has rejected payments sent once more under their own ids, after the cause of the rejection is gone: those with these ids, ' +
      'or all whose reason contains a text. Only what its processor certainly does not hold is sent, and once however often ' +
      'you ask. It is written into the log of actions (dinossauro actions).',
  )
  .argument('[id...]', 'the payments', eachId)
  .option('--reason <text>', 'all that were rejected with a reason that contains this text')
  .requiredOption('--why <text>', 'why, for the log of actions')
  .addOption(BY_OPTION)
  .addOption(RESULTS_OPTION)
  .addOption(URL_OPTION)
  .addOption(TOKEN_OPTION)
  .addHelpText(
    'after',
    examples([
      [
        'payments send-again 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --why "the limit was raised"',
        'one of them',
      ],
      ['payments send-again --reason "limit exceeded" --why "the limit was raised"', 'all of a reason'],
    ]),
  )
  .action(async (ids, { url = GATEWAY_URL, token, reason, why, by, json = false }) => {
    if (ids.length > 0 === (reason !== undefined))
      throw new Misuse('expected ids, or --reason (see dinossauro payments send-again --help)');
    const { sendAgain } = await import('../operate/payment-actions.ts');
    const chosen = reason === undefined ? { kind: 'ids' as const, ids } : { kind: 'reason' as const, reason };
    process.exitCode = await sendAgain({ url, token: tokenOf(token), json, chosen, why, by }, console);
  });

const cancelCommand = command('cancel')
  .summary('cancel payments that have not been sent')
  .description(
    'Cancels payments that have not been sent to any processor. A cancelled payment is rejected for good: it is never sent, and a ' +
      'client that posts it again is told why. One that only the journal of an instance has, because no pool thread has ' +
      'claimed it yet, is cancelled only if you say its amount. It is written into the log of actions (dinossauro actions).',
  )
  .argument('<id...>', 'the payments', eachId)
  .option('--amount <amount>', 'the amount that was posted', amount)
  .requiredOption('--why <text>', 'why; clients that post the payment again are told it')
  .addOption(BY_OPTION)
  .addOption(RESULTS_OPTION)
  .addOption(URL_OPTION)
  .addOption(TOKEN_OPTION)
  .addHelpText(
    'after',
    examples([
      [
        'payments cancel 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --amount 19.90 --why "ordered twice"',
        'wherever it is, unless it has been sent',
      ],
    ]),
  )
  .action(async (ids, { url = GATEWAY_URL, token, amount, why, by, json = false }) => {
    if (amount !== undefined && ids.length > 1)
      throw new Misuse('--amount is that of one payment: give one id');
    const { cancelPayments } = await import('../operate/payment-actions.ts');
    const given = amount === undefined ? undefined : Number(amount);
    const order = { url, token: tokenOf(token), json, ids, amount: given, why, by };
    process.exitCode = await cancelPayments(order, console);
  });

const holdCommand = holdingCommand(
  'hold',
  'hold payments that have not been sent',
  'Holds payments that have not been sent to any processor: they are not sent until you release or cancel them. One that only ' +
    'the journal of an instance has, because no pool thread has claimed it yet, is held once one does. Held payments are ' +
    'listed by dinossauro payments --status held. It is written into the log of actions (dinossauro actions).',
).addHelpText(
  'after',
  examples([
    ['payments hold 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --why "is it a fraud?"', 'unless it has been sent'],
  ]),
);

const releaseCommand = holdingCommand(
  'release',
  'let held payments be sent',
  'Releases payments that dinossauro payments hold has held: they are sent like new ones. It is written into the log of ' +
    'actions (dinossauro actions).',
);

function holdingCommand(what: 'hold' | 'release', summary: string, description: string) {
  return command(what)
    .summary(summary)
    .description(description)
    .argument('<id...>', 'the payments', eachId)
    .requiredOption('--why <text>', 'why, for the log of actions')
    .addOption(BY_OPTION)
    .addOption(RESULTS_OPTION)
    .addOption(URL_OPTION)
    .addOption(TOKEN_OPTION)
    .action(async (ids, { url = GATEWAY_URL, token, why, by, json = false }) => {
      const { holdPayments } = await import('../operate/payment-actions.ts');
      const order = { url, token: tokenOf(token), json, ids, why, by };
      process.exitCode = await holdPayments(what, order, console);
    });
}

export const payments = command('payments')
  .summary(
    'list and search payments in a running gateway, send rejected ones again, cancel, hold or release those that wait',
  )
  .description('Shows payments of the books as a running gateway has them, and acts on them.')
  .helpCommand(false)
  .addCommand(list, { isDefault: true })
  .addCommand(sendAgainCommand)
  .addCommand(cancelCommand)
  .addCommand(holdCommand)
  .addCommand(releaseCommand)
  .addHelpText(
    'after',
    examples([
      ['payments --status open', 'what the gateway still owes an outcome'],
      ['payments list --help', 'how to search'],
    ]),
  );

export const actions = command('actions')
  .summary('list what operators have done to payments')
  .description(
    'Lists what operators have done to payments, newest first: when, who, what and why (GET /actions).',
  )
  .option('--json', 'print them as JSON, with the ids of all their payments')
  .addOption(URL_OPTION)
  .addOption(TOKEN_OPTION)
  .action(async ({ url = GATEWAY_URL, token, json = false }) => {
    const { listActions } = await import('../operate/payment-actions.ts');
    process.exitCode = await listActions({ url, token: tokenOf(token), json }, console);
  });
