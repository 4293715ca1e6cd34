import type { Contract, ContractOptions } from '../../src/processor/contract.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';

/**
 * Like `rinha`, but a payment is only pending when its processor has answered, and the processor calls back with
 * `{"about": id}` unless `isSilent`.
 */
export default function calling({ options, authorization }: ContractOptions): Contract {
  const contract: Contract = {
    ...rinha(authorization),
    name: 'calling',
    readPay: (response) =>
      response.status === 200 ? { kind: 'pending' } : { kind: 'unknown', reason: response.reason },
  };
  if (options['isSilent'] === true) return contract;
  return { ...contract, readCallback: (body) => JSON.parse(body).about ?? null };
}
