import { command, examples, option, whole } from './command.ts';
import { runFromClone } from './program.ts';

export const sim = command('sim')
  .summary('simulated deployments under faults, from seeds')
  .description(
    'Simulates deployments under faults, from seeds. Exits with 1 when a promise was broken. See docs/reliability.md.',
  )
  .option('--seeds <n>', 'how many seeds (1000; 3000 with --mutants)', whole(1))
  .option('--from <n>', 'the first seed', whole(0), 1)
  .option('--seed <n>', 'replay this seed, shrink it if it fails, and print its history', whole(0))
  .option('--skew <ms>', 'how far apart the clocks of the machines are, all the time', whole(0), 0)
  .addOption(
    option('--ledger <ledger>', 'which ledger the deployments have')
      .choices(['memory', 'lmdb', 'redis'])
      .default('memory'),
  )
  .option('--mutants', 'put bugs into the gateway, and say which seed finds each')
  .option('--only <text>', 'only mutants whose names contain this text')
  .addHelpText(
    'after',
    examples([
      ['sim --seeds 100', 'a hundred seeds'],
      ['sim --seed 17', 'the history of one'],
      ['sim --ledger redis --seeds 100', 'the same hundred, with a real Redis'],
      ['sim --skew 3600000', 'clocks that are an hour apart'],
      ['sim --mutants --only pin', 'does it find the bugs that are about pins?'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/sim/main.ts', values);
  });

export type SimValues = ReturnType<typeof sim.opts>;
