import { command } from './command.ts';
import { runFromClone } from './program.ts';

export const bench = command({
  name: 'bench',
  summary: 'the micro-benchmarks in bench/',
  about: ['Given TEXT, only those whose path contains it. BENCH_SMOKE=1 only shows that they run.'],
  options: {},
  word: 'TEXT',
  examples: [
    ['bench', 'all of them'],
    ['bench ring', 'that of the ring'],
  ],
  run: (_, word) => runFromClone('scripts/bench.ts', word ?? ''),
});
