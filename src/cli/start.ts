import { command, examples } from './command.ts';
import { become } from './program.ts';

export const start = command('start')
  .summary('the gateway and, unless you configure processors, two simulated ones: to look at and to try')
  .description(
    'Starts the gateway and, unless you configure processors, two simulated ones. It listens on 127.0.0.1:9999, keeps its ' +
      'books and those of the simulated processors in ./data (remove that folder to begin anew), and allows purging. Every setting of the gateway may be given in the environment: see ' +
      'dinossauro gateway --help. Ctrl-C stops everything.',
  )
  .addHelpText(
    'after',
    examples([
      ['start', 'everything, with nothing to configure'],
      ['LISTEN=127.0.0.1:8080 dinossauro start', 'on another port'],
      ['LEDGER_URL=redis://127.0.0.1 dinossauro start', 'with its books in Redis'],
    ]),
  )
  .action(() => become(new URL('../start.ts', import.meta.url)));
