import { CALLS_AT_ONCE_MAX, CALLS_PER_SECOND_MAX } from '../core/terms.ts';
import { checked, command, decimal, examples, jsonObject, Misuse, option, whole } from './command.ts';
import { GATEWAY_URL, httpUrl, TOKEN_OPTION, tokenOf, userName } from './gateway-options.ts';

const name = checked((text) =>
  /^[a-z0-9-]{1,32}$/.test(text) ? null : 'Expected the name of a processor, such as default.',
);

/** The gateway checks it, because a limit may have two places at most. */
const amount = (text: string) => Number(amountText(text));
const amountText = checked((text) =>
  /^\d{1,14}(\.\d{1,2})?$/.test(text) ? null : 'Expected an amount, such as 1000.00.',
);

export const processors = command('processors')
  .summary(
    'list the processors of a running deployment, add, pause and remove them, change their fees and limits',
  )
  .description(
    'Lists the processors of a running deployment, or changes one of them. A change holds at every instance within a second, ' +
      'and survives restarts. See docs/processors.md.',
  )
  .helpCommand(false);

/** Each of them asks a gateway. */
function subcommand(name: string) {
  return command(name)
    .option('--url <url>', 'the gateway to ask, any one of the deployment', httpUrl, GATEWAY_URL)
    .addOption(TOKEN_OPTION)
    .option('--json', "print the gateway's answer as JSON");
}

function changing(name: string) {
  return subcommand(name)
    .option('--why <text>', 'why, for the log and for other operators', '')
    .option('--by <name>', 'who; default: the user of this shell', userName());
}

/** A command that keeps new payments from a processor, and waits until none is open there; then it stays `state`. */
function draining(command: string, summary: string, state: string, change: object) {
  return changing(command)
    .summary(summary)
    .argument('<name>', 'the processor', name)
    .option('--timeout <seconds>', `how long to wait; it stays ${state}`, whole(1), 600)
    .action(async (name, { url, json = false, why, by, timeout, ...given }) => {
      const { drainProcessor } = await import('../operate/processors.ts');
      const order = { url, json, token: tokenOf(given.token), name, change: { ...change, why, by } };
      process.exitCode = await drainProcessor(
        { ...order, timeoutMs: timeout * 1000, lookEveryMs: 500 },
        console,
      );
    });
}

/** What a processor costs. */
function withTerms(name: string) {
  return changing(name)
    .option('--share <decimal>', 'share of the amount that it costs, such as 0.015', decimal)
    .option('--fixed <amount>', 'fixed part that each payment costs, such as 0.35', decimal);
}

processors
  .addCommand(
    subcommand('list')
      .summary('list them (the default)')
      .action(async ({ url, json = false, ...given }) => {
        const { listProcessors } = await import('../operate/processors.ts');
        process.exitCode = await listProcessors({ url, json, token: tokenOf(given.token) }, console);
      }),
    { isDefault: true },
  )
  .addCommand(
    changing('pause')
      .summary('send it nothing, and go on asking it for what is in doubt there')
      .argument('<name>', 'the processor', name)
      .action(async (name, { url, json = false, why, by, ...given }) => {
        const { changeProcessor } = await import('../operate/processors.ts');
        const order = { url, json, token: tokenOf(given.token), name, change: { paused: true, why, by } };
        process.exitCode = await changeProcessor(order, console);
      }),
  )
  .addCommand(
    draining('drain', 'pause it, and wait until no payment is open there any more', 'paused', {
      paused: true,
    }),
  )
  .addCommand(
    withTerms('add')
      .summary('add one, or add one again that was removed')
      .argument('<name>', 'its name', name)
      .argument('[at]', 'its URL; without it, what was removed is added again as it was', httpUrl)
      .option('--contract <contract>', 'its contract, such as rest')
      .option(
        '--bearer <secret>',
        'the file with its bearer token, in PROCESSOR_SECRETS_DIR of every gateway',
      )
      .option(
        '--members <json>',
        'other members of an entry of the processors file, such as \'{"limits":{"callsPerSecond":50}}\'',
        jsonObject,
      )
      .action(async (name, at, { url, json = false, why, by, token, ...given }) => {
        const { addProcessor, changeProcessor } = await import('../operate/processors.ts');
        const gateway = { url, json, token: tokenOf(token) };
        const { contract, share, fixed, bearer, members = {} } = given;
        if (at === undefined) {
          if (Object.keys(given).length > 0)
            throw new Misuse('expected the URL of the processor (see dinossauro processors add --help)');
          const order = { ...gateway, name, change: { removed: false, why, by } };
          process.exitCode = await changeProcessor(order, console);
          return;
        }
        if (contract === undefined || (share === undefined && fixed === undefined))
          throw new Misuse(
            'expected --contract, and --share, --fixed or both (see dinossauro processors add --help)',
          );
        const fee = { ...(share !== undefined && { share }), ...(fixed !== undefined && { fixed }) };
        const credentials = bearer === undefined ? {} : { credentials: { bearer } };
        const processor = { name, url: at, contract, fee, ...credentials, ...members, why, by };
        process.exitCode = await addProcessor({ ...gateway, processor }, console);
      }),
  )
  .addCommand(
    draining('remove', 'send it nothing any more, and wait until no payment is open there', 'removed', {
      removed: true,
    }),
  )
  .addCommand(
    changing('resume')
      .summary('send it payments again')
      .argument('<name>', 'the processor', name)
      .action(async (name, { url, json = false, why, by, ...given }) => {
        const { changeProcessor } = await import('../operate/processors.ts');
        const order = { url, json, token: tokenOf(given.token), name, change: { paused: false, why, by } };
        process.exitCode = await changeProcessor(order, console);
      }),
  )
  .addCommand(
    withTerms('fee')
      .summary('change what a payment costs there, for payments that settle from now on')
      .argument('<name>', 'the processor', name)
      .addOption(
        option('--as-configured', 'as the settings of the gateways say').conflicts(['share', 'fixed']),
      )
      .action(async (name, { url, json = false, why, by, share, fixed, asConfigured = false, ...given }) => {
        if (share === undefined && fixed === undefined && !asConfigured)
          throw new Misuse(
            'expected --share, --fixed, both, or --as-configured (see dinossauro processors fee --help)',
          );
        const { changeProcessor } = await import('../operate/processors.ts');
        const fee = asConfigured ? null : { share: share ?? 0, fixed: fixed ?? 0 };
        const order = { url, json, token: tokenOf(given.token), name, change: { fee, why, by } };
        process.exitCode = await changeProcessor(order, console);
      }),
  )
  .addCommand(
    changing('limits')
      .summary('change what it takes: calls at once, calls a second, amounts; what is left out stays')
      .argument('<name>', 'the processor', name)
      .option('--calls-at-once <calls>', 'most calls in flight, by each gateway', whole(1, CALLS_AT_ONCE_MAX))
      .option(
        '--calls-per-second <calls>',
        'most calls in any second, by each gateway',
        whole(1, CALLS_PER_SECOND_MAX),
      )
      .option('--min-amount <amount>', 'smallest amount, such as 0.50', amount)
      .option('--max-amount <amount>', 'greatest amount, such as 1000.00', amount)
      .addOption(
        option('--as-configured', 'all of them as the settings of the gateways say').conflicts([
          'callsAtOnce',
          'callsPerSecond',
          'minAmount',
          'maxAmount',
        ]),
      )
      .action(async (name, { url, json = false, why, by, token, asConfigured = false, ...given }) => {
        if (Object.keys(given).length === 0 && !asConfigured)
          throw new Misuse(
            'expected one of the limits, or --as-configured (see dinossauro processors limits --help)',
          );
        const { changeProcessor } = await import('../operate/processors.ts');
        const limits = asConfigured ? null : given;
        const order = { url, json, token: tokenOf(token), name, change: { limits, why, by } };
        process.exitCode = await changeProcessor(order, console);
      }),
  )
  .addHelpText(
    'after',
    examples([
      ['processors', 'what each processor is, and how many payments are open there'],
      ['processors pause default --why "maintenance until 14:00"', 'before its maintenance'],
      ['processors drain default', 'before it is shut down for some time'],
      [
        'processors add bank https://bank.example --contract rest --share 0.01 --bearer BANK_KEY',
        'a new one',
      ],
      ['processors remove bank --why "contract ended"', 'for good; its totals stay'],
      ['processors fee default --share 0.015 --fixed 0.35 --why "new contract"', 'when its price changes'],
      ['processors limits default --calls-per-second 50 --max-amount 1000.00', 'when it wants less'],
      ['processors resume default --url http://10.0.0.7:9999', 'through another gateway'],
    ]),
  );
