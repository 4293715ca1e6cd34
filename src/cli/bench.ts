import { command, examples } from './command.ts';
import { runFromClone } from './program.ts';

export const bench = command('bench')
  .summary('run the micro-benchmarks in bench/')
  .description(
    'Runs the micro-benchmarks in bench/. With BENCH_SMOKE=1 in the environment, each runs only briefly, as a check.',
  )
  .argument('[text]', 'run only those whose path contains this text')
  .addHelpText(
    'after',
    examples([
      ['bench', 'all of them'],
      ['bench ring', 'only those of the ring'],
    ]),
  )
  .action(async (text) => {
    process.exitCode = await runFromClone('scripts/bench.ts', text ?? '');
  });
