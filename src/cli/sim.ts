import { command, examples, whole } from './command.ts';
import { runFromClone } from './program.ts';

export const sim = command('sim')
  .summary('simulate deployments under faults, one for each seed')
  .description(
    'Simulates a deployment under faults for each seed. Exits with 1 if one broke a promise. See docs/reliability.md.',
  )
  .option('--seeds <n>', 'how many seeds; default: 1000, or 3000 with --mutants', whole(1))
  .option('--from <n>', 'the first seed', whole(0), 1)
  .option('--seed <n>', 'replay this seed, shrink it if it fails, and print its history', whole(0))
  .option('--skew <ms>', 'let the clocks of the machines differ by this much', whole(0), 0)
  .option('--mutants', 'insert known bugs one at a time, and show which seed finds each')
  .option('--only <text>', 'with --mutants: only those whose names contain this text')
  .addHelpText(
    'after',
    examples([
      ['sim --seeds 100', 'a hundred seeds'],
      ['sim --seed 17', 'replay one seed, with its history'],
      ['sim --skew 3600000', 'with clocks that differ by an hour'],
      ['sim --mutants --only "torn tail"', 'only the bugs with this name'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/sim/main.ts', values);
  });

export type SimValues = ReturnType<typeof sim.opts>;
