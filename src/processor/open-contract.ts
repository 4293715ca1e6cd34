import { isAbsolute } from 'node:path';
import { isSetupError, SetupError } from '../core/setup-error.ts';
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

/** The same for a configured processor, which the error names in one line, whatever a contract of the user's own throws. */
export async function openContractOf(target: {
  readonly name: string;
  readonly contract: ContractOptions & { readonly name: string };
}): Promise<Contract> {
  try {
    return await openContract(target.contract);
  } catch (error) {
    const reason = isSetupError(error) ? error.message : `the contract failed: ${String(error)}`;
    throw new SetupError(`processor \`${target.name}\`: ${reason.replace(/\s+/g, ' ')}`);
  }
}

async function loadFactory(path: string): Promise<ContractFactory> {
  if (!isAbsolute(path)) {
    const names = Object.keys(SHIPPED_CONTRACTS).join(', ');
    throw new SetupError(`there is no contract ${path}; expected one of ${names}, or the path of a module`);
  }
  const loaded: { readonly default?: unknown } = await import(path).catch((error: unknown) => {
    throw new SetupError(`the contract ${path} cannot be loaded: ${String(error)}`);
  });
  if (typeof loaded.default !== 'function') {
    throw new SetupError(`the contract ${path} does not export a function by default`);
  }
  return loaded.default as ContractFactory;
}
