import type { OpenTwin } from '../../src/certify/opponent.ts';
import type { Contract, ContractOptions } from '../../src/processor/contract.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import { serveTwin } from '../../src/simulated/twin.ts';

/** Believes that every error means that nothing was charged, and does not say so. */
export default function careless({ authorization }: ContractOptions): Contract {
  const inner = rinha(authorization);
  return {
    ...inner,
    name: 'careless',
    proofs: [],
    readPay(response, payment) {
      if (response.status >= 500) return { kind: 'refused', reason: response.reason };
      return inner.readPay(response, payment);
    },
  };
}

export const twin: OpenTwin = async () => {
  const served = await serveTwin('rinha');
  if (served.kind === 'failed') throw new Error(served.reason);
  return served;
};
