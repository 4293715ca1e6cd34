import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { shownValue } from '../core/environment.ts';
import { errorReason } from '../core/reason.ts';
import { isSetupError, SetupError } from '../core/setup-error.ts';
import type { Contract, ContractFactory, ContractOptions } from './contract.ts';
import { readOptions } from './contracts/options.ts';
import { rest } from './contracts/rest.ts';
import { restAsync } from './contracts/rest-async.ts';
import { rinha } from './contracts/rinha.ts';

/** The contracts that come with the gateway. */
export const SHIPPED_CONTRACTS: ReadonlyMap<string, ContractFactory> = new Map([
  [
    'rinha',
    ({ options, authorization }: ContractOptions) => {
      readOptions('rinha', {}, options);
      return rinha(authorization);
    },
  ],
  ['rest', rest],
  ['rest-async', restAsync],
]);

/** `name`: a shipped contract, or the absolute path of a module that exports one by default. Rejects with a `SetupError`. */
export async function openContract(spec: ContractOptions & { readonly name: string }): Promise<Contract> {
  const { name } = spec;
  const factory = SHIPPED_CONTRACTS.get(name) ?? (await loadFactory(name));
  let contract: unknown;
  try {
    contract = factory(spec);
  } catch (error) {
    if (isSetupError(error)) throw error;
    throw new SetupError(`the contract ${name} cannot be set up: ${errorReason(error)}`);
  }
  const missing = missingPart(contract);
  if (missing !== null) throw new SetupError(`the contract ${name} has no ${missing}`);
  return contract as Contract;
}

/** The same for a configured processor, which the error names, in one line. */
export async function openContractOf(target: {
  readonly name: string;
  readonly contract: ContractOptions & { readonly name: string };
}): Promise<Contract> {
  try {
    return await openContract(target.contract);
  } catch (error) {
    if (!isSetupError(error)) throw error;
    throw new SetupError(`processor \`${target.name}\`: ${error.message.replace(/\s+/g, ' ')}`);
  }
}

async function loadFactory(path: string): Promise<ContractFactory> {
  if (!isAbsolute(path)) {
    const known = [...SHIPPED_CONTRACTS.keys()].join(', ');
    throw new SetupError(
      `there is no contract ${shownValue(path)}; expected ${known} or the path of a module`,
    );
  }
  let loaded: { readonly default?: unknown };
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new SetupError(`the contract ${path} cannot be loaded: ${errorReason(error)}`);
  }
  if (typeof loaded.default !== 'function') {
    throw new SetupError(`the contract ${path} does not export a function by default`);
  }
  return loaded.default as ContractFactory;
}

/** The first part of a contract that a user's module has left out; null: it has all. */
function missingPart(contract: unknown): string | null {
  if (typeof contract !== 'object' || contract === null) return 'parts: its module did not return an object';
  const parts = contract as Readonly<Record<string, unknown>>;
  if (typeof parts['name'] !== 'string') return 'name';
  if (!Array.isArray(parts['proofs'])) return 'proofs';
  return FUNCTIONS.find((name) => typeof parts[name] !== 'function') ?? null;
}

const FUNCTIONS = ['pay', 'readPay', 'find', 'readFind'];
