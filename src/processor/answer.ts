import type { Contract, ContractPayment, ContractResponse } from './contract.ts';
import type { Response } from './http1/call.ts';
import { readLine } from './json-body.ts';
import type { Health, LookUpOutcome, PayOutcome, TotalsOutcome } from './processor.ts';

/**
 * Reads responses by a contract. What no contract may decide is decided here: a request that was not sent, and a
 * response without a status line.
 */

const RETRY_AFTER_MAX_MS = 86_400_000;

/** The outcome of a payment request. `nowMs`: the wall clock, for a `Retry-After` that is a date. */
export function payOutcomeOf(
  contract: Contract,
  response: Response,
  payment: ContractPayment,
  nowMs: number,
): PayOutcome {
  if (!response.sent) {
    const kind = response.isExhausted ? 'exhausted' : 'refused';
    return { kind, reason: `not sent: ${responseReason(response)}` };
  }
  return withRest(
    response,
    nowMs,
    read(response, nowMs, (answer) => soundPayOutcome(contract.readPay(answer, payment))),
  );
}

/** The outcome of a look-up. */
export function lookUpOutcomeOf(
  contract: Contract,
  response: Response,
  correlationId: string,
  nowMs: number,
): LookUpOutcome {
  return withRest(
    response,
    nowMs,
    read(response, nowMs, (answer) => soundLookUpOutcome(contract.readFind(answer, correlationId))),
  );
}

/** The health that the processor reports; unknown if the contract has no health route. */
export function healthOf(contract: Contract, response: Response, nowMs: number): Health {
  const { health } = contract;
  if (health === undefined) return { kind: 'unknown', reason: 'the contract has no health route' };
  return read(response, nowMs, (answer) => health.read(answer));
}

/** The totals that the processor reports; unknown if the contract has no such route. */
export function totalsOf(contract: Contract, response: Response, nowMs: number): TotalsOutcome {
  const { totals } = contract;
  if (totals === undefined) return { kind: 'unknown', reason: 'the contract has no totals route' };
  return read(response, nowMs, (answer) => totals.read(answer));
}

/** The outcome, if it is one that a contract may give; otherwise throws. */
function soundPayOutcome(outcome: PayOutcome): PayOutcome {
  switch (outcome.kind) {
    case 'committed':
    case 'pending':
      return outcome;
    case 'duplicate':
    case 'refused':
    case 'failed':
    case 'unknown':
    case 'unfit':
    case 'rejected':
      return { kind: outcome.kind, reason: soundReason(outcome.reason) };
    default:
      throw new Error(`${JSON.stringify(outcome)} is not an outcome of a payment request`);
  }
}

function soundLookUpOutcome(outcome: LookUpOutcome): LookUpOutcome {
  switch (outcome.kind) {
    case 'absent':
    case 'pending':
      return outcome;
    case 'rejected':
    case 'unknown':
      return { kind: outcome.kind, reason: soundReason(outcome.reason) };
    case 'held': {
      const { amountCents, requestedAtMs } = outcome;
      const isSound =
        (amountCents === null || (Number.isSafeInteger(amountCents) && amountCents > 0)) &&
        (requestedAtMs === null || Number.isSafeInteger(requestedAtMs));
      if (isSound) return outcome;
    }
  }
  throw new Error(`${JSON.stringify(outcome)} is not an outcome of a look-up`);
}

function soundReason(reason: string): string {
  if (typeof reason !== 'string') throw new Error('an outcome has no reason');
  return readLine(reason);
}

/** Users write contracts, too, so an error in one is an unknown outcome. */
function read<T>(
  response: Response,
  nowMs: number,
  by: (answer: ContractResponse) => T,
): T | { readonly kind: 'unknown'; readonly reason: string } {
  if (response.status === 0) return { kind: 'unknown', reason: responseReason(response) };
  try {
    return by(new Answer(response, nowMs));
  } catch (error) {
    return { kind: 'unknown', reason: readLine(`the contract failed: ${String(error)}`) };
  }
}

/** A processor that asks for a rest gets it, whatever else its answer means. */
function withRest<T extends PayOutcome | LookUpOutcome>(response: Response, nowMs: number, outcome: T): T {
  if (response.retryAfter === '' || response.status < 400) return outcome;
  const retryAfterMs = readRetryAfterMs(response.retryAfter, nowMs);
  return retryAfterMs === null ? outcome : { ...outcome, retryAfterMs };
}

class Answer implements ContractResponse {
  readonly #response: Response;
  readonly #nowMs: number;

  constructor(response: Response, nowMs: number) {
    this.#response = response;
    this.#nowMs = nowMs;
  }

  get status(): number {
    return this.#response.status;
  }

  get isComplete(): boolean {
    return this.#response.cut === '';
  }

  get retryAfterMs(): number | null {
    return readRetryAfterMs(this.#response.retryAfter, this.#nowMs);
  }

  get reason(): string {
    return responseReason(this.#response);
  }

  header(name: string): string {
    return this.#response.header(name);
  }

  text(): string {
    return this.#response.text();
  }
}

/** The delay in a `Retry-After`, given in seconds or as a date; null: missing or invalid. */
function readRetryAfterMs(header: string, nowMs: number): number | null {
  let delayMs = Number.NaN;
  if (/^\d{1,9}$/.test(header)) delayMs = Number(header) * 1000;
  if (/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(header)) {
    delayMs = Math.max(0, Date.parse(header) - nowMs);
  }
  return Number.isNaN(delayMs) ? null : Math.min(delayMs, RETRY_AFTER_MAX_MS);
}

/** One line for people: the status, why the response was cut off, and its body. */
function responseReason(response: Response): string {
  const parts: string[] = [];
  if (response.status !== 0) parts.push(`HTTP ${response.status}`);
  if (response.cut !== '') parts.push(response.cut);
  const said = readLine(response.text());
  if (said !== '') parts.push(said);
  return readLine(parts.join(': '));
}
