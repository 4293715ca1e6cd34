import { bold, command, examples } from './command.ts';
import { become } from './program.ts';

export const processor = command('processor')
  .summary('run one simulated processor')
  .description('Runs one simulated processor, the other side of a shipped contract, until a signal stops it.')
  .option('--contract <name>', "the contract that it speaks (default: rinha, the contest's)")
  .addHelpText(
    'after',
    [
      '',
      bold('Settings (environment variables) and their defaults:'),
      '  CONTRACT      rinha; --contract comes first',
      '  LISTEN        127.0.0.1:8001',
      '  FEE           0.05, a fraction of the amount',
      '  TOKEN         123, for its administrative routes',
      '  NAME          default',
      '  CALLBACK_URL  (none) where rest-async posts the outcome of a payment',
      '  BOOKS_FILE    (none) a file that keeps its books across restarts; if unset, they are in memory only',
    ].join('\n'),
  )
  .addHelpText(
    'after',
    examples([
      ['processor', 'on 127.0.0.1:8001'],
      ['LISTEN=127.0.0.1:8002 FEE=0.15 NAME=fallback dinossauro processor', 'a second, more expensive one'],
      ['processor --contract rest-async', 'one that accepts payments first and charges them later'],
    ]),
  )
  .action(({ contract }) => {
    if (contract !== undefined) process.env['CONTRACT'] = contract;
    return become(new URL('../simulated/main.ts', import.meta.url));
  });
