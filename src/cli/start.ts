import { command } from './command.ts';
import { become } from './program.ts';

export const start = command({
  name: 'start',
  summary: 'the gateway and, unless you configure processors, two simulated ones: to look at and to try',
  about: [
    'Listens on 127.0.0.1:9999 and keeps its books and those of the simulated processors in ./data: remove that',
    'folder to begin anew. Purging is allowed. Every setting of the gateway may be given in the environment:',
    'dinossauro gateway --help lists them. Ctrl-C stops everything.',
  ],
  options: {},
  examples: [
    ['start', 'all of it, with nothing to configure'],
    ['LISTEN=127.0.0.1:8080 dinossauro start', 'on another port'],
    ['LEDGER_URL=redis://127.0.0.1 dinossauro start', 'with its books in Redis'],
  ],
  run: () => become(new URL('../start.ts', import.meta.url)),
});
