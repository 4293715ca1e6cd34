import type { Clock } from '../core/clock.ts';
import type { Books, Row } from './books.ts';
import type { Reply } from './reply.ts';

/**
 * The other side of a contract: what a simulated processor does with a payment, and how it words its answers. Queue,
 * delay, failure, faults and books are the same for all (`processor.ts`).
 */
export interface ServedContract {
  readonly healthPath: string;
  /** The payment in the body of `POST /payments`; null: it is answered 400. */
  readPayment(body: Uint8Array): Row | null;
  /** Takes a payment that got through queue, delay and faults, and answers it. */
  take(payment: Row): Reply;
  /** `GET /payments/{id}`; the id is in lower case. */
  find(correlationId: string): Reply;
  health(failing: boolean, delayMs: number): Reply;
  /** The books were cleared. */
  purged(): void;
}

export interface ServedContractParts {
  readonly books: Books;
  readonly clock: Clock;
  /** How payments that were accepted first are charged later. It may change at any time. */
  readonly charging: Readonly<Charging>;
  /** Sends a callback with this body, if one is wanted. */
  readonly notify: (body: string) => void;
}

export interface Charging {
  delayMs: number;
  /** Payments are declined instead of charged. */
  declines: boolean;
}

export type ServedContractFactory = (parts: ServedContractParts) => ServedContract;
