import { command, examples, option, whole } from './command.ts';
import { runFromClone } from './program.ts';

export const fuzz = command('fuzz')
  .summary('send thousands of malformed requests, directly and through nginx')
  .description(
    'Sends malformed requests to two gateways on one ledger. Exits with 1 if a gateway handles one wrongly. Needs ' +
      'redis-server and nginx, which it installs on Debian when run as root.',
  )
  .option('--requests <n>', 'how many requests to send', whole(1), 100_000)
  .option('--seed <n>', 'seed of the requests; default: random', whole(0))
  .addOption(option('--ledger <ledger>', 'which ledger').choices(['redis', 'lmdb']).default('redis'))
  .option(
    '--hold <n>',
    'measure the latency of a normal client beside this many idle or very slow connections',
    whole(1),
  )
  .addHelpText(
    'after',
    examples([
      ['fuzz --requests 20000', 'a fifth of the default'],
      ['fuzz --hold 10000', 'beside ten thousand slow connections'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/fuzz/main.ts', values, ['--servers', '--compiled']);
  });

export type FuzzValues = ReturnType<typeof fuzz.opts>;
