import { centsToDecimal, decimalToCents, readAmountCents } from '../../core/money.ts';
import type { ContractPayment, ContractRequest, ContractResponse } from '../contract.ts';
import { parseObject, readInstantMs } from '../json-body.ts';
import type { RestOptions } from './rest-options.ts';

/** What a body says about a payment. */
export interface PaymentFields {
  readonly amountCents: number | null;
  readonly requestedAtMs: number | null;
  readonly members: Readonly<Record<string, unknown>>;
}

/** How the contracts `rest` and `rest-async` write requests and read bodies. */
export class RestMessages {
  /** Response headers that `isOwn` and `isOwnAbsence` need. */
  static readonly responseHeaders = ['content-type'];
  readonly #options: RestOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #bodyStart: string;

  constructor(options: RestOptions, authorization: string) {
    this.#options = options;
    this.#headers = {
      accept: 'application/json',
      ...(authorization === '' ? {} : { authorization }),
      ...options.headers,
    };
    const constant = JSON.stringify(options.body).slice(0, -1);
    this.#bodyStart = `${constant}${constant === '{' ? '' : ','}${JSON.stringify(options.idField)}:`;
  }

  pay({ correlationId, amountCents, requestedAtMs }: ContractPayment): ContractRequest {
    const { payMethod, payPath, idempotencyHeader, amountField, timestampField } = this.#options;
    const amount = `${JSON.stringify(amountField)}:${this.#writeAmount(amountCents)}`;
    const instant = JSON.stringify(new Date(requestedAtMs).toISOString());
    const timestamp = timestampField === '' ? '' : `,${JSON.stringify(timestampField)}:${instant}`;
    return {
      method: payMethod,
      path: withId(payPath, correlationId),
      headers: {
        ...this.#headers,
        'content-type': 'application/json',
        ...(idempotencyHeader === '' ? {} : { [idempotencyHeader]: correlationId }),
      },
      body: `${this.#bodyStart}"${correlationId}",${amount}${timestamp}}`,
    };
  }

  find(correlationId: string): ContractRequest {
    return {
      method: 'GET',
      path: withId(this.#options.findPath, correlationId),
      headers: this.#headers,
    };
  }

  get health(): ContractRequest {
    return { method: 'GET', path: this.#options.healthPath, headers: this.#headers };
  }

  /**
   * Whether the processor itself seems to have answered, and not a proxy or a login page in front of it. An empty body
   * counts, because 201 and 204 often have none.
   */
  isOwn(response: ContractResponse): boolean {
    const type = response.header('content-type');
    if (JSON_TYPE.test(type)) return true;
    const body = response.text().trimStart();
    if (this.#options.answers === 'json') return body === '';
    return !HTML_TYPE.test(type) && !body.startsWith('<');
  }

  /** Whether a look-up's answer says that the payment is unknown, and not only the address or the route. */
  isAbsence(response: ContractResponse): boolean {
    const { absentStatuses, absentBody, answers } = this.#options;
    if (!response.isComplete || !absentStatuses.includes(response.status) || !this.isOwn(response))
      return false;
    const text = response.text();
    // Proxies without a route answer 404 with an empty body, too.
    if (text === '' && answers === 'json') return false;
    const said = parseObject(text);
    return Object.entries(absentBody).every(([name, value]) => said[name] === value);
  }

  /** What a complete answer says about this payment; null: it does not name it, or does not make sense. */
  read(response: ContractResponse, correlationId: string): PaymentFields | null {
    const text = response.text();
    const members = response.isComplete ? parseObject(text) : {};
    return isId(members[this.#options.idField], correlationId) ? this.#fieldsOf(text, members) : null;
  }

  /** Whether an answer to a payment says nothing else about it: no other id, no other amount. */
  agrees(response: ContractResponse, { correlationId, amountCents }: ContractPayment): boolean {
    const text = response.text();
    const members = parseObject(text);
    const id = members[this.#options.idField];
    const fields = this.#fieldsOf(text, members);
    if ((id !== undefined && !isId(id, correlationId)) || fields === null) return false;
    return (fields.amountCents ?? amountCents) === amountCents;
  }

  /** Null: amount or timestamp are there, but not as they should be. */
  #fieldsOf(text: string, members: Readonly<Record<string, unknown>>): PaymentFields | null {
    const { amountField, timestampField } = this.#options;
    const hasAmount = members[amountField] !== undefined;
    const hasTimestamp = timestampField !== '' && members[timestampField] !== undefined;
    const amountCents = hasAmount ? this.#readAmount(text, members[amountField]) : null;
    const requestedAtMs = hasTimestamp ? readInstantMs(members[timestampField]) : null;
    const isSound = (!hasAmount || (amountCents ?? 0) > 0) && (!hasTimestamp || requestedAtMs !== null);
    return isSound ? { amountCents, requestedAtMs, members } : null;
  }

  #writeAmount(amountCents: number): string {
    switch (this.#options.amountFormat) {
      case 'decimal':
        return centsToDecimal(amountCents);
      case 'string':
        return `"${centsToDecimal(amountCents)}"`;
      case 'cents':
        return String(amountCents);
    }
  }

  #readAmount(text: string, value: unknown): number | null {
    switch (this.#options.amountFormat) {
      case 'decimal':
        return readAmountCents(text, this.#options.amountField);
      case 'string':
        return typeof value === 'string' ? decimalToCents(value) : null;
      case 'cents':
        return Number.isSafeInteger(value) ? Number(value) : null;
    }
  }
}

const JSON_TYPE = /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i;
const HTML_TYPE = /^(?:text\/html|application\/xhtml)/i;

function withId(path: string, correlationId: string): string {
  return path.replaceAll('{id}', correlationId);
}

function isId(value: unknown, correlationId: string): boolean {
  return typeof value === 'string' && value.toLowerCase() === correlationId;
}
