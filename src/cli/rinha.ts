import { command, examples, option, origin, whole } from './command.ts';
import { runFromClone } from './program.ts';

export const rinha = command('rinha')
  .summary('a scenario of the contest against a deployment, scored')
  .description(
    'Plays a scenario of the contest against a deployment, and scores it. Without --native and --compose it drives what ' +
      'already runs. See docs/rinha.md.',
  )
  .addOption(
    option('--scenario <name>', 'which official scenario').choices(['preview', 'final']).default('preview'),
  )
  .option('--seconds <n>', 'the same shape in less time', whole(1))
  .option('--rate <n>', 'no contest: this many posts a second all along, processors at 5 ms', whole(1))
  .option('--target <url>', 'the deployment', origin, 'http://127.0.0.1:9999')
  .option('--default <url>', 'its processor `default`', origin, 'http://127.0.0.1:8001')
  .option('--fallback <url>', 'its processor `fallback`', origin, 'http://127.0.0.1:8002')
  .option('--token <text>', "for the processors' administrative routes", '123')
  .addOption(
    option('--native', 'bring everything up as processes, without Docker, and down again').conflicts(
      'compose',
    ),
  )
  .option('--compose', 'bring docker-compose.yml and simulated processors up, and down again')
  .option('--null', 'the floor: instances that answer 202 and do nothing')
  .addOption(
    option('--compare <with>', 'the gateway and the floor in turns, and their ratios').choices(['floor']),
  )
  .option('--rounds <n>', 'how often (1; 3 with --compare)', whole(1))
  .option('--json <file>', 'write the report as JSON')
  .option('--html <file>', 'write the report as a page', 'rinha.html')
  .addHelpText(
    'after',
    examples([
      ['rinha --native --seconds 15', 'everything as processes, a quarter of the preview'],
      ['rinha --compose --scenario final', 'the final through docker-compose, 300 s'],
      ['rinha --compose --rate 550 --seconds 20 --compare floor', 'CPU and p99 beside the floor'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('bench/rinha/main.ts', values);
  });

export type RinhaValues = ReturnType<typeof rinha.opts>;
