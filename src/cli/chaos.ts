import { command } from './command.ts';
import { type Option, oneOf, text, type Values, whole } from './options.ts';
import { runFromClone } from './program.ts';

type Setting = readonly [name: string, value: string];

const settings: Option<readonly Setting[]> = {
  placeholder: 'NAME=VALUE',
  about: 'give the gateways a setting; may be repeated',
  allowed: 'NAME=VALUE',
  fallback: [],
  isList: true,
  parse(given) {
    const [, name, value] = /^([A-Z_]+)=(.*)$/s.exec(given) ?? [];
    return name === undefined || value === undefined ? undefined : [[name, value]];
  },
};

const OPTIONS = {
  minutes: whole('how long', 0, 10),
  seed: whole('which load and faults; none given: any', 0),
  ledger: oneOf(['redis', 'lmdb', 'both'], 'which ledger', 'both'),
  'round-seconds': whole('how long a round is', 1, 20),
  only: text('TEXT', 'only faults whose names contain it', ''),
  set: settings,
  measure: oneOf(['takeover'], 'instead: how long it takes to take over from the dead', undefined),
};

export type ChaosValues = Values<typeof OPTIONS>;

export const chaos = command({
  name: 'chaos',
  summary: 'a real deployment in which everything breaks, audited',
  about: [
    'Ends with code 1 when a promise was broken. Needs redis-server and nginx, which root on Debian gets installed.',
    'docs/reliability.md tells more.',
  ],
  options: OPTIONS,
  examples: [
    ['chaos --minutes 2 --ledger redis', 'two minutes'],
    ['chaos --only kill --set POOL_THREADS=4', 'kills only, and four pool threads'],
    ['chaos --measure takeover', 'what LEASE_MS costs'],
  ],
  run: (values) => runFromClone('test/chaos/main.ts', values, ['--servers']),
});
