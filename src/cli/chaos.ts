import { settingProblem } from '../config/config.ts';
import { checked, command, examples, option, whole } from './command.ts';
import { runFromClone } from './program.ts';

type Setting = readonly [name: string, value: string];

const readSetting = checked((text) => {
  const at = text.indexOf('=');
  return at < 0 ? 'Expected NAME=VALUE.' : settingProblem(text.slice(0, at), text.slice(at + 1));
});

function addSetting(text: string, before: readonly Setting[] = []): readonly Setting[] {
  const [name = '', ...value] = readSetting(text).split('=');
  return [...before, [name, value.join('=')]];
}

function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A day. For a longer run, start again with another seed. */
const MINUTES_MAX = 1440;
const INSTANCES_MAX = 8;
const RATE_MAX = 5000;

export const chaos = command('chaos')
  .summary('break everything in a real deployment, and audit it')
  .description(
    'Breaks everything in a real deployment, and audits it. Exits with 1 if it broke a promise. Needs redis-server ' +
      'and nginx, which it installs on Debian when run as root. See docs/reliability.md.',
  )
  .option('--minutes <n>', 'how long to run', whole(1, MINUTES_MAX), 10)
  .option('--seed <n>', 'seed of load and faults; default: random', whole(0))
  .addOption(
    option('--ledger <ledger>', 'which ledger').choices(['redis', 'cluster', 'lmdb', 'both']).default('both'),
  )
  .option('--round-seconds <n>', 'how long each round takes', whole(1, MINUTES_MAX * 60), 20)
  .option('--instances <n>', 'how many gateways', whole(2, INSTANCES_MAX), 2)
  .option(
    '--rate <n>',
    'new payments a second; default: 120 to 220, drawn for each round',
    whole(1, RATE_MAX),
  )
  .option(
    '--contracts',
    'three processors of three contracts, configured by a file, instead of the two of the contest',
  )
  .option('--only <text>', 'inject only faults whose names contain this text; may be repeated', addText)
  .option('--set <NAME=VALUE>', 'set a setting of the gateways; may be repeated', addSetting)
  .addOption(
    option('--measure <what>', 'measure how long a takeover from a dead instance takes').choices([
      'takeover',
    ]),
  )
  .addHelpText(
    'after',
    examples([
      ['chaos --minutes 2 --ledger redis', 'two minutes'],
      ['chaos --ledger cluster --seed 7', 'with a Redis Cluster of three masters and three replicas'],
      ['chaos --ledger cluster --instances 4 --rate 1000', 'the same with four gateways and more load'],
      ['chaos --only kill --set POOL_THREADS=4', 'only kills, with four pool threads'],
      ['chaos --only "move slot" --only "kill master" --ledger cluster', 'two kinds of fault'],
      ['chaos --contracts --ledger lmdb', 'with the contracts rinha, rest and rest-async'],
      ['chaos --measure takeover', 'how long a takeover takes'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/chaos/main.ts', values, ['--servers', '--compiled']);
  });

export type ChaosValues = ReturnType<typeof chaos.opts>;
