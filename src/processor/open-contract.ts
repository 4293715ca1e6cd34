import { SetupError } from '../core/setup-error.ts';
import type { Contract, ContractFactory, ContractOptions } from './contract.ts';
import { rinha } from './contracts/rinha.ts';

/** The contracts that come with the gateway. */
const SHIPPED_CONTRACTS: Readonly<Record<string, ContractFactory>> = {
  rinha: ({ authorization }) => rinha(authorization),
};

/** `name`: a shipped contract, or the absolute path of a module that exports one by default. Rejects with a `SetupError`. */
export async function openContract(spec: ContractOptions & { readonly name: string }): Promise<Contract> {
  const factory = SHIPPED_CONTRACTS[spec.name] ?? (await loadFactory(spec.name));
  return factory(spec);
}

async function loadFactory(path: string): Promise<ContractFactory> {
  const loaded: { readonly default?: unknown } = await import(path).catch((error: unknown) => {
    throw new SetupError(`the contract ${path} cannot be loaded: ${String(error)}`);
  });
  if (typeof loaded.default !== 'function') {
    throw new SetupError(`the contract ${path} does not export a function by default`);
  }
  return loaded.default as ContractFactory;
}
