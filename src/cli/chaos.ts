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

/** A day: what would run for longer is better started again with another seed. */
const MINUTES_MAX = 1440;

export const chaos = command('chaos')
  .summary('a real deployment in which everything breaks, audited')
  .description(
    'Breaks everything in a real deployment, and audits it. Exits with 1 when a promise was broken. Needs redis-server ' +
      'and nginx; on Debian they are installed when it runs as root. See docs/reliability.md.',
  )
  .option('--minutes <n>', 'how long', whole(1, MINUTES_MAX), 10)
  .option('--seed <n>', 'which load and faults (a random one)', whole(0))
  .addOption(option('--ledger <ledger>', 'which ledger').choices(['redis', 'lmdb', 'both']).default('both'))
  .option('--round-seconds <n>', 'how long a round is', whole(1, MINUTES_MAX * 60), 20)
  .option('--only <text>', 'only faults whose names contain this text')
  .option('--set <NAME=VALUE>', 'give the gateways a setting; may be repeated', addSetting)
  .addOption(
    option('--measure <what>', 'measure how long a takeover from a dead instance takes').choices([
      'takeover',
    ]),
  )
  .addHelpText(
    'after',
    examples([
      ['chaos --minutes 2 --ledger redis', 'two minutes'],
      ['chaos --only kill --set POOL_THREADS=4', 'kills only, and four pool threads'],
      ['chaos --measure takeover', 'what LEASE_MS costs'],
    ]),
  )
  .action(async (values) => {
    process.exitCode = await runFromClone('test/chaos/main.ts', values, ['--servers']);
  });

export type ChaosValues = ReturnType<typeof chaos.opts>;
