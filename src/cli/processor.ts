import { command } from './command.ts';
import { become } from './program.ts';

export const processor = command({
  name: 'processor',
  summary: 'one simulated processor, with the official contract',
  about: [
    'Settings (environment) and their defaults:',
    '  LISTEN      127.0.0.1:8001',
    '  FEE         0.05, as a part of the amount',
    '  TOKEN       123, of its administrative routes',
    '  NAME        default',
    '  BOOKS_FILE  (none) a file that keeps its books across restarts; without it they are in memory only',
  ],
  options: {},
  examples: [
    ['processor', 'on 127.0.0.1:8001'],
    ['LISTEN=127.0.0.1:8002 FEE=0.15 NAME=fallback dinossauro processor', 'the dear one beside it'],
  ],
  run: () => become(new URL('../simulated/main.ts', import.meta.url)),
});
