import type { Clock } from '../core/clock.ts';
import type { Contract, ContractPayment, ContractRequest, ContractResponse } from '../processor/contract.ts';
import type { LookUpOutcome, PayOutcome } from '../processor/processor.ts';
import type { ProxiedRequest, Subject } from './exchange.ts';

/** Tells the proxy what a request is about, whatever the contract's requests look like. It is never passed on. */
const HEADER = 'dinossauro-certify';

/** One request that the contract has written, and what it concluded from the answer that the gateway saw. */
export type ObservedCall = {
  readonly correlationId: string;
  /** When the gateway had the request written, on the monotonic clock. */
  readonly writtenAtMs: number;
  /** When the gateway had read the answer; Infinity: never. */
  readAtMs: number;
  /** 0: no answer. */
  status: number;
} & (
  | { readonly kind: 'pay'; outcome: PayOutcome | null }
  | { readonly kind: 'find'; outcome: LookUpOutcome | null }
);

/** A contract, and a record of what it concludes. */
export class ObservedContract implements Contract {
  readonly calls: ObservedCall[] = [];
  readonly name: string;
  readonly proofs: Contract['proofs'];
  readonly responseHeaders?: readonly string[];
  readonly health?: NonNullable<Contract['health']>;
  readonly #inner: Contract;
  readonly #clock: Clock;

  constructor(inner: Contract, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
    this.name = inner.name;
    this.proofs = inner.proofs;
    if (inner.responseHeaders !== undefined) this.responseHeaders = inner.responseHeaders;
    const { health } = inner;
    if (health === undefined) return;
    this.health = {
      request: marked(health.request, 'health'),
      read: (response) => health.read(response),
    };
  }

  pay(payment: ContractPayment): ContractRequest {
    const { correlationId } = payment;
    const number = this.calls.push({ kind: 'pay', ...this.#newCall(correlationId), outcome: null }) - 1;
    return marked(this.#inner.pay(payment), `pay ${number} ${correlationId}`);
  }

  readPay(response: ContractResponse, payment: ContractPayment): PayOutcome {
    const outcome = this.#inner.readPay(response, payment);
    this.#note('pay', payment.correlationId, response, outcome);
    return outcome;
  }

  find(correlationId: string): ContractRequest {
    const number = this.calls.push({ kind: 'find', ...this.#newCall(correlationId), outcome: null }) - 1;
    return marked(this.#inner.find(correlationId), `find ${number} ${correlationId}`);
  }

  readFind(response: ContractResponse, correlationId: string): LookUpOutcome {
    const outcome = this.#inner.readFind(response, correlationId);
    this.#note('find', correlationId, response, outcome);
    return outcome;
  }

  #newCall(correlationId: string) {
    return { correlationId, writtenAtMs: this.#clock.monotonicMs(), readAtMs: Infinity, status: 0 };
  }

  /** A payment has one call in flight at most, so an answer belongs to its latest. */
  #note(
    kind: ObservedCall['kind'],
    correlationId: string,
    { status }: ContractResponse,
    outcome: PayOutcome | LookUpOutcome,
  ): void {
    const call = this.calls.findLast((one) => one.kind === kind && one.correlationId === correlationId);
    if (call !== undefined) Object.assign(call, { readAtMs: this.#clock.monotonicMs(), status, outcome });
  }
}

function marked(request: ContractRequest, mark: string): ContractRequest {
  return { ...request, headers: { ...request.headers, [HEADER]: mark } };
}

/** What the request of an observed contract is about, and the request without the mark. */
export function readMark(request: ProxiedRequest): {
  readonly subject: Subject;
  readonly request: ProxiedRequest;
} {
  const { [HEADER]: mark = 'health', ...headers } = request.headers;
  const [kind = '', number = '-1', correlationId = ''] = mark.split(' ');
  const subject: Subject = {
    kind: kind === 'pay' || kind === 'find' ? kind : 'health',
    call: Number(number),
    correlationId,
  };
  return { subject, request: { ...request, headers } };
}
