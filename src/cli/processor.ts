import { bold, command, examples } from './command.ts';
import { become } from './program.ts';

export const processor = command('processor')
  .summary('one simulated processor, with the official contract')
  .description('Runs one simulated processor, with the official contract, until it is stopped by a signal.')
  .addHelpText(
    'after',
    [
      '',
      bold('Settings (environment variables) and their defaults:'),
      '  LISTEN      127.0.0.1:8001',
      '  FEE         0.05, as a part of the amount',
      '  TOKEN       123, for its administrative routes',
      '  NAME        default',
      '  BOOKS_FILE  (none) a file that keeps its books across restarts; without it they are in memory only',
    ].join('\n'),
  )
  .addHelpText(
    'after',
    examples([
      ['processor', 'on 127.0.0.1:8001'],
      ['LISTEN=127.0.0.1:8002 FEE=0.15 NAME=fallback dinossauro processor', 'the expensive one beside it'],
    ]),
  )
  .action(() => become(new URL('../simulated/main.ts', import.meta.url)));
