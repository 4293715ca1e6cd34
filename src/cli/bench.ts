import { command, examples } from './command.ts';
import { runFromClone } from './program.ts';

export const bench = command('bench')
  .summary('the micro-benchmarks in bench/')
  .description(
    'Runs the micro-benchmarks in bench/. BENCH_SMOKE=1 in the environment only shows that they run.',
  )
  .argument('[text]', 'only those whose path contains this text')
  .addHelpText(
    'after',
    examples([
      ['bench', 'all of them'],
      ['bench ring', 'that of the ring'],
    ]),
  )
  .action(async (text) => {
    process.exitCode = await runFromClone('scripts/bench.ts', text ?? '');
  });
