import { isAbsolute, resolve } from 'node:path';
import { readConfig } from '../config/config.ts';
import type { ContractSpec } from '../config/processor-target.ts';
import { SetupError } from '../core/setup-error.ts';
import type { Tls } from '../core/tls.ts';
import type { Contract } from '../processor/contract.ts';
import { openContract } from '../processor/open-contract.ts';
import { isTwinName, serveTwin, TWIN_NAMES } from '../simulated/twin.ts';

/** What a contract's module may export as `twin`: starts a simulated processor that speaks the contract. */
export type OpenTwin = () => Promise<OpenedTwin>;

export interface OpenedTwin {
  /** Without a trailing slash, such as `http://127.0.0.1:4000`. */
  readonly url: string;
  close(): unknown;
}

/** The processor that a contract is tried against. */
export interface Opponent extends OpenedTwin {
  readonly contract: Contract;
  readonly tls?: Tls;
  /** For people: what it is. */
  readonly description: string;
}

/** A shipped contract or the path of a module, with its twin. Rejects with a `SetupError`. */
export async function openTwinOf(name: string, options: ContractSpec['options']): Promise<Opponent> {
  if (isTwinName(name)) {
    const twin = await serveShipped(name);
    const contract = await openContract({ name, options, authorization: '' });
    return { ...twin, contract, description: 'its simulated processor' };
  }
  if (!/[./]/.test(name)) {
    throw new SetupError(
      `there is no contract ${name}: expected ${TWIN_NAMES.join(', ')} or the path of a module, such as ./mine.ts.`,
    );
  }
  const path = isAbsolute(name) ? name : resolve(name);
  const contract = await openContract({ name: path, options, authorization: '' });
  const { twin }: { readonly twin?: unknown } = await import(path);
  if (typeof twin !== 'function') {
    throw new SetupError(
      `${name} does not export a function "twin" that starts a simulated processor (see docs/certify.md).`,
    );
  }
  const opened = await (twin as OpenTwin)();
  return {
    contract,
    url: opened.url,
    close: () => opened.close(),
    description: 'the simulated processor that it exports',
  };
}

/** A processor of the configuration. Rejects with a `SetupError`. */
export async function openConfigured(name: string, environment: NodeJS.ProcessEnv): Promise<Opponent> {
  const reading = readConfig(environment);
  if (reading.kind === 'wrong') throw new SetupError(reading.problems.join('\n'));
  const { processors } = reading.config;
  const target = processors.find((one) => one.name === name);
  if (target === undefined) {
    const names = processors.map((one) => one.name).join(', ') || 'none';
    throw new SetupError(`there is no processor ${name} in the configuration, which has: ${names}.`);
  }
  const { url, tls, contract } = target;
  return {
    contract: await openContract(contract),
    url,
    ...(tls && { tls }),
    close: () => {},
    description: `processor ${name} at ${new URL(url).host}, with real payments`,
  };
}

/** Serves the twin of a shipped contract on a free port of this machine. */
export async function serveShipped(name: (typeof TWIN_NAMES)[number]): Promise<OpenedTwin> {
  const twin = await serveTwin(name);
  if (twin.kind === 'failed') throw new SetupError(`the simulated processor cannot listen: ${twin.reason}`);
  return { url: twin.url, close: () => twin.close() };
}
