import { command } from './command.ts';
import { oneOf, type Values, whole } from './options.ts';
import { runFromClone } from './program.ts';

const OPTIONS = {
  requests: whole('how many', 1, 100_000),
  seed: whole('which requests; none given: any', 0),
  ledger: oneOf(['redis', 'lmdb'], 'which ledger', 'redis'),
  hold: whole('instead: the latency of an honest client beside N idle or dripping connections', 0, 0),
};

export type FuzzValues = Values<typeof OPTIONS>;

export const fuzz = command({
  name: 'fuzz',
  summary: 'bad requests by the thousand, directly and through nginx',
  about: [
    'Two gateways on one ledger. Ends with code 1 when one of them was at fault. Needs redis-server and nginx, which',
    'root on Debian gets installed.',
  ],
  options: OPTIONS,
  examples: [
    ['fuzz --requests 20000', 'a fifth of the usual'],
    ['fuzz --hold 10000', 'ten thousand connections that say nothing'],
  ],
  run: (values) => runFromClone('test/fuzz/main.ts', values, ['--servers']),
});
