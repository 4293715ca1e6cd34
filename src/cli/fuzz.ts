import { command, examples, option, whole } from './command.ts';
import { runFromClone } from './program.ts';

export const fuzz = command('fuzz')
  .summary('bad requests by the thousand, directly and through nginx')
  .description(
    'Sends bad requests to two gateways on one ledger. Exits with 1 when one of them was at fault. Needs redis-server ' +
      'and nginx; on Debian they are installed when it runs as root.',
  )
  .option('--requests <n>', 'how many', whole(1), 100_000)
  .option('--seed <n>', 'which requests (a random one)', whole(0))
  .addOption(option('--ledger <ledger>', 'which ledger').choices(['redis', 'lmdb']).default('redis'))
  .option(
    '--hold <n>',
    'measure the latency of an honest client beside this many idle or dripping connections',
    whole(1),
  )
  .addHelpText(
    'after',
    examples([
      ['fuzz --requests 20000', 'a fifth of the usual'],
      ['fuzz --hold 10000', 'ten thousand connections that say nothing'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/fuzz/main.ts', values, ['--servers']);
  });

export type FuzzValues = ReturnType<typeof fuzz.opts>;
