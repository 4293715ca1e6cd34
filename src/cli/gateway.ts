import { settingsList } from '../config/config.ts';
import { bold, command, examples } from './command.ts';
import { become } from './program.ts';

export const gateway = command('gateway')
  .summary('run one gateway, configured by environment variables, as in a container')
  .description(
    'Runs one gateway with the settings in its environment, which must include at least one processor. On SIGTERM, Ctrl-C ' +
      'or SIGHUP it finishes the calls in flight and exits; another signal more than a second later ends it at once.',
  )
  .addHelpText('after', () =>
    [
      '',
      bold('Settings (environment variables) and their defaults:'),
      ...settingsList().map(({ name, fallback }) => `  ${name.padEnd(31)} ${fallback}`.trimEnd()),
    ].join('\n'),
  )
  .addHelpText(
    'after',
    examples([
      [
        'PAYMENT_PROCESSOR_URL_DEFAULT=http://127.0.0.1:8001 dinossauro gateway',
        'one processor, books in ./data/ledger',
      ],
      ['PROCESSORS=cheap:0.02:http://10.0.0.1,dear:0.1:http://10.0.0.2 dinossauro gateway', 'any processors'],
    ]),
  )
  .action(() => become(new URL('../gateway.ts', import.meta.url)));
