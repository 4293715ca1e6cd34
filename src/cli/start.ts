import { command, examples } from './command.ts';
import { become } from './program.ts';

export const start = command('start')
  .summary('run a gateway to try out, with two simulated processors unless you configure your own')
  .description(
    'Runs a gateway and, unless you configure processors, two simulated ones. It listens on 127.0.0.1:9999, keeps all data ' +
      'in ./data (delete that folder to start over), and allows purging. Settings come from the environment: see ' +
      'dinossauro gateway --help. Ctrl-C stops everything.',
  )
  .addHelpText(
    'after',
    examples([
      ['start', 'everything, without configuration'],
      ['LISTEN=127.0.0.1:8080 dinossauro start', 'on another port'],
      ['LEDGER_URL=redis://127.0.0.1 dinossauro start', 'with the ledger in Redis'],
    ]),
  )
  .action(() => become(new URL('../start.ts', import.meta.url)));
