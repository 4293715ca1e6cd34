import { command } from './command.ts';
import type { Values } from './options.ts';
import { flag, oneOf, origin, text, whole } from './options.ts';
import { runFromClone } from './program.ts';

const OPTIONS = {
  scenario: oneOf(['preview', 'final'], 'which official scenario', 'preview'),
  seconds: whole('the same shape in less time', 1),
  rate: whole('no contest: N posts a second all along, processors at 5 ms', 1),
  target: origin('the deployment', 'http://127.0.0.1:9999'),
  default: origin('its processor `default`', 'http://127.0.0.1:8001'),
  fallback: origin('its processor `fallback`', 'http://127.0.0.1:8002'),
  token: text('TEXT', "of the processors' administrative routes", '123'),
  native: flag('bring everything up as processes, without Docker, and down again'),
  compose: flag('bring docker-compose.yml and simulated processors up, and down again'),
  null: flag('the floor: instances that answer 202 and do nothing'),
  compare: oneOf(['floor'], 'the gateway and the floor in turns, and their ratios', undefined),
  rounds: whole('how often (1; 3 with --compare)', 1),
  json: text('FILE', 'the report as JSON'),
  html: text('FILE', 'the report as a page', 'rinha.html'),
};

export type RinhaValues = Values<typeof OPTIONS>;

export const rinha = command({
  name: 'rinha',
  summary: 'a scenario of the contest against a deployment, scored',
  about: ['Without --native and --compose it drives what runs already. docs/rinha.md tells more.'],
  options: OPTIONS,
  examples: [
    ['rinha --native --seconds 15', 'everything as processes, a quarter of the preview'],
    ['rinha --compose --scenario final', 'the final through docker-compose, 300 s'],
    ['rinha --compose --rate 550 --seconds 20 --compare floor', 'CPU and p99 beside the floor'],
  ],
  run: (values) => runFromClone('bench/rinha/main.ts', values),
});
