import type { TwinName } from '../../src/simulated/twin.ts';

/** A processor of the lab: a twin as a process of its own. */
export interface LabProcessor {
  readonly name: string;
  readonly contract: TwinName;
  /** What it says it charges, as a share of the amount. */
  readonly share: string;
  /** Further members of its entry in the processors file. */
  readonly file?: Readonly<Record<string, unknown>>;
}

/** As in the contest. */
export const CONTEST: readonly LabProcessor[] = [
  { name: 'default', contract: 'rinha', share: '0.05' },
  { name: 'fallback', contract: 'rinha', share: '0.15' },
];

const HEALTH = { options: { healthPath: '/health' } };

/** Three contracts. Small amounts are cheapest at the card, great ones at the bank, and the third takes every amount. */
export const MIXED: readonly LabProcessor[] = [
  { name: 'contest', contract: 'rinha', share: '0.05', file: { fee: { share: 0.05 } } },
  {
    name: 'card',
    contract: 'rest',
    share: '0.02',
    file: { ...HEALTH, fee: { share: 0.02 }, limits: { maxAmount: 3000 } },
  },
  {
    name: 'bank',
    contract: 'rest-async',
    share: '0.04',
    file: { ...HEALTH, fee: { share: 0.04, fixed: 30 } },
  },
];

/** The processors file. `urls`: as the gateways reach them. */
export function processorsFile(processors: readonly LabProcessor[], urls: readonly string[]): string {
  const entries = processors.map(({ name, contract, file }, index) => ({
    name,
    url: urls[index],
    contract,
    ...file,
  }));
  return JSON.stringify({ processors: entries }, null, 2);
}
