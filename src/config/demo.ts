import type { Address } from '../core/address.ts';
import type { LedgerTarget } from './config.ts';

/** The processors that `npm start` simulates when the environment configures none. */
export const SIMULATED_PROCESSORS = [
  { name: 'default', port: 8001, fee: '0.05', setting: 'PAYMENT_PROCESSOR_URL_DEFAULT' },
  { name: 'fallback', port: 8002, fee: '0.15', setting: 'PAYMENT_PROCESSOR_URL_FALLBACK' },
] as const;
/** All parts of the demo listen here. */
export const HOST = '127.0.0.1';

/** For the administrative routes of the simulated processors. */
export const SIMULATED_TOKEN = '123';

export type SimulatedProcessorSetting = (typeof SIMULATED_PROCESSORS)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment that `npm start` uses: it allows purging, lets this machine operate, and adds processors, unless the given
 * one says otherwise.
 */
export function demoEnvironment(environment: Environment): Environment {
  const demo = { ALLOW_PURGE: 'true', OPERATOR_ACCESS: 'loopback', ...environment };
  if (!simulatesProcessors(environment)) return demo;
  const urls = SIMULATED_PROCESSORS.map((simulated) => [simulated.setting, simulatedUrl(simulated)]);
  const tokens = SIMULATED_PROCESSORS.map(({ name }) => `${name}=${SIMULATED_TOKEN}`).join(',');
  return { ...demo, ...Object.fromEntries(urls), PROCESSOR_TOKENS: tokens };
}

export function simulatesProcessors(environment: Environment): boolean {
  return !['PROCESSORS', 'PROCESSORS_FILE', ...SIMULATED_PROCESSORS.map(({ setting }) => setting)].some(
    (name) => environment[name],
  );
}

export function simulatedUrl({ port }: SimulatedProcessorSetting): string {
  return `http://${HOST}:${port}`;
}

export function simulatedAddress({ port }: SimulatedProcessorSetting): Address {
  return { kind: 'tcp', host: HOST, port };
}

/** A simulated processor keeps its books beside the ledger, so that a restart finds both, and each ledger has its own. */
export function playedBooksFile({ name }: SimulatedProcessorSetting, ledger: LedgerTarget): string {
  const beside = ledger.kind === 'lmdb' ? ledger.path : `./data/redis-${placeOf(ledger.url)}`;
  return `${beside.replace(/\/+$/, '')}.processors/${name}.books`;
}

/** The place of a Redis as part of a file name, without the password. */
function placeOf(redisUrl: string): string {
  return redisUrl
    .replace(/^[\w-]+:\/\/(.*@)?/, '')
    .replace(/\W+/g, '-')
    .replace(/^-|-$/g, '');
}
