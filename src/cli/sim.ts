import { command } from './command.ts';
import { flag, text, type Values, whole } from './options.ts';
import { runFromClone } from './program.ts';

const OPTIONS = {
  seeds: whole('how many seeds (1000; 3000 with --mutants)', 1),
  from: whole('the first of them', 0, 1),
  seed: whole('replay this one, shrink it if it fails, and print its history', 0),
  skew: whole('how many ms the clocks of the machines are apart, all the time', 0, 0),
  mutants: flag('put bugs into the gateway, and say which seed finds each'),
  only: text('TEXT', 'only mutants whose names contain it', ''),
};

export type SimValues = Values<typeof OPTIONS>;

export const sim = command({
  name: 'sim',
  summary: 'simulated deployments under faults, from seeds',
  about: ['Ends with code 1 when a promise was broken. docs/reliability.md tells more.'],
  options: OPTIONS,
  examples: [
    ['sim --seeds 100', 'a hundred seeds'],
    ['sim --seed 17', 'the history of one'],
    ['sim --skew 3600000', 'clocks that are an hour apart'],
    ['sim --mutants --only pin', 'does it find the bugs that are about pins?'],
  ],
  run: (values) => runFromClone('test/sim/main.ts', values),
});
