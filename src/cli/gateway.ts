import { settingsList } from '../config/config.ts';
import { command } from './command.ts';
import { become } from './program.ts';

export const gateway = command({
  name: 'gateway',
  summary: 'one gateway alone, from its environment; the form that containers use',
  about: [
    'SIGTERM, Ctrl-C and SIGHUP finish the calls in flight first; a second one, a second later, ends it at once.',
    'Needs at least one processor.',
    '',
    'Settings (environment) and their defaults:',
    ...settingsList().map(({ name, fallback }) => `  ${name.padEnd(31)} ${fallback}`.trimEnd()),
  ],
  options: {},
  examples: [
    [
      'PAYMENT_PROCESSOR_URL_DEFAULT=http://127.0.0.1:8001 dinossauro gateway',
      'one processor, books in ./data/ledger',
    ],
    ['PROCESSORS=cheap:0.02:http://10.0.0.1,dear:0.1:http://10.0.0.2 dinossauro gateway', 'any processors'],
  ],
  run: () => become(new URL('../gateway.ts', import.meta.url)),
});
