import * as assert from 'uvu/assert';
import type { ContractOptions } from '../../../src/processor/contract.ts';
import { SHIPPED_CONTRACTS } from '../../../src/processor/open-contract.ts';
import { serveTwin, TWIN_NAMES, type TwinName } from '../../../src/simulated/twin.ts';
import { contractSuite, type Subject } from './suite.ts';

assert.equal([...TWIN_NAMES], [...SHIPPED_CONTRACTS.keys()], 'every shipped contract has a twin');

const SUBJECTS: Readonly<Record<TwinName, Partial<Subject> & Pick<ContractOptions, 'options'>>> = {
  rinha: { options: {}, promisedStatuses: [500, 503], believesAny404: true },
  rest: { options: { healthPath: '/health' } },
  'rest-async': { options: { healthPath: '/health' } },
};

for (const name of TWIN_NAMES) {
  const { options, ...promises } = SUBJECTS[name];
  contractSuite({
    name,
    open: (authorization) => openShipped(name, { options, authorization }),
    serve: () => serveShipped(name),
    ...promises,
  });
}

function openShipped(name: TwinName, options: ContractOptions) {
  const factory = SHIPPED_CONTRACTS.get(name);
  if (factory === undefined) throw new Error(`${name} is not shipped`);
  return factory(options);
}

async function serveShipped(name: TwinName) {
  const twin = await serveTwin(name);
  if (twin.kind === 'failed') throw new Error(twin.reason);
  twin.processor.configureCharging({ delayMs: 20, declines: false });
  const chargedCents = (id: string) => twin.books.find(id)?.amountCents ?? null;
  return { url: twin.url, chargedCents, close: () => twin.close() };
}
