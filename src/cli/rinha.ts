import { existsSync } from 'node:fs';
import { checked, command, examples, option, origin, whole } from './command.ts';
import { runFromClone } from './program.ts';

/** `floor`, or the path of a compose file. */
const entry = checked((text) =>
  text === 'floor' || (/\.ya?ml$/.test(text) && existsSync(text))
    ? null
    : 'Expected floor, or the path of a compose file, such as ../peer/docker-compose.yml.',
);

export const rinha = command('rinha')
  .summary('run a scenario of the contest against a deployment, and score it')
  .description(
    'Runs a scenario of the contest against a deployment, and scores it. Without --native or --compose, the deployment ' +
      'must already be running. See docs/rinha.md.',
  )
  .addOption(
    option('--scenario <name>', 'which official scenario').choices(['preview', 'final']).default('preview'),
  )
  .option('--seconds <n>', 'compress the scenario into this time', whole(1))
  .option(
    '--rate <n>',
    'instead of the scenario, post at this constant rate per second, with processors at 5 ms',
    whole(1),
  )
  .option('--target <url>', 'URL of the deployment', origin, 'http://127.0.0.1:9999')
  .option('--default <url>', 'URL of its processor `default`', origin, 'http://127.0.0.1:8001')
  .option('--fallback <url>', 'URL of its processor `fallback`', origin, 'http://127.0.0.1:8002')
  .option('--token <text>', "token for the processors' administrative routes", '123')
  .addOption(
    option('--native', 'start everything as processes, without Docker, and stop it afterwards').conflicts(
      'compose',
    ),
  )
  .option('--compose', 'start docker-compose.yml and simulated processors, and stop them afterwards')
  .option('--null', 'measure the floor: instances that only answer 202')
  .addOption(
    option(
      '--compare <with>',
      'run the gateway in turns with the floor, or with the compose file of another entry; may be repeated',
    ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), entry(text)]),
  )
  .option('--rounds <n>', 'how many times to run it; default: 1, or 3 with --compare', whole(1))
  .option('--json <file>', 'write the report to this file as JSON')
  .option('--html <file>', 'write the report to this file as a page', 'rinha.html')
  .addHelpText(
    'after',
    examples([
      ['rinha --native --seconds 15', 'the preview in 15 s, without Docker'],
      ['rinha --compose --scenario final', 'the final through docker-compose; takes 300 s'],
      ['rinha --compose --rate 550 --seconds 20 --compare floor', 'CPU and p99 compared with the floor'],
      [
        'rinha --compose --rate 550 --compare ../peer/docker-compose.yml',
        'and with another entry of the contest',
      ],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('bench/rinha/main.ts', values);
  });

export type RinhaValues = ReturnType<typeof rinha.opts>;
