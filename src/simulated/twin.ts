import type { Address } from '../core/address.ts';
import { formatAddress } from '../core/address.ts';
import { systemClock } from '../core/clock.ts';
import { Books } from './books.ts';
import { Callback } from './callback.ts';
import type { ServedContractFactory } from './contract.ts';
import { rest } from './contracts/rest.ts';
import { restAsync } from './contracts/rest-async.ts';
import { rinha } from './contracts/rinha.ts';
import type { Decimal } from './decimal.ts';
import { SimulatedProcessor } from './processor.ts';
import { serve } from './server.ts';

/** The contracts that a simulated processor can speak: the shipped ones. */
const TWINS = {
  rinha,
  rest,
  'rest-async': restAsync,
} as const satisfies Record<string, ServedContractFactory>;

export type TwinName = keyof typeof TWINS;

export const TWIN_NAMES = Object.keys(TWINS) as readonly TwinName[];

export function isTwinName(name: string): name is TwinName {
  return Object.hasOwn(TWINS, name);
}

export interface TwinOptions {
  /** Default: a free port of 127.0.0.1. */
  readonly listen?: Address;
  /** Default: 0.05. */
  readonly fee?: Decimal;
  /** Default: 123. */
  readonly token?: string;
  /** Default: empty books in memory. */
  readonly books?: Books;
  /** Where callbacks are sent; empty: none are. */
  readonly callbackUrl?: string;
}

export type TwinServed =
  | ({ readonly kind: 'serving' } & Twin)
  | { readonly kind: 'failed'; readonly reason: string };

/** A simulated processor that is being served: the other side of a shipped contract. */
export interface Twin {
  /** `http://host:port`, if it listens on TCP. */
  readonly url: string;
  readonly address: Address;
  /** What it has charged. */
  readonly books: Books;
  /** Its delay, failure and faults can be set here, as under `/admin`. */
  readonly processor: SimulatedProcessor;
  /** Closes everything at once, including calls in flight. */
  close(): void;
}

const ANY_PORT: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };

/** Serves the twin of a shipped contract in this process. */
export async function serveTwin(
  name: TwinName,
  {
    listen = ANY_PORT,
    fee = { units: 5n, scale: 2 },
    token = '123',
    books = new Books(),
    callbackUrl = '',
  }: TwinOptions = {},
): Promise<TwinServed> {
  const callback = callbackUrl === '' ? null : new Callback(callbackUrl);
  const processor = new SimulatedProcessor({
    clock: systemClock,
    random: Math.random,
    fee,
    token,
    books,
    contract: TWINS[name],
    notify: (body) => callback?.post(body),
  });
  const served = await serve(processor, listen);
  if (served.kind === 'failed') return served;
  return { ...served, url: `http://${formatAddress(served.address)}`, books, processor };
}
