import { type Answer, exchange } from './exchange.ts';

export interface Sum {
  readonly count: number;
  readonly amountCents: number;
}

/** Milliseconds, both bounds inclusive. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A payment that a processor has charged. */
export interface Charge {
  readonly correlationId: string;
  readonly amountCents: number;
  readonly requestedAtMs: number;
}

export interface HealthCall {
  readonly receivedAtMs: number;
  /** It came too soon and was refused. */
  readonly limited: boolean;
}

const PAGE = 5_000;

/** The administrative API of a simulated processor. */
export class ProcessorAdmin {
  readonly name: string;
  readonly url: string;
  readonly #token: string;

  constructor(name: string, url: string, token = '123') {
    this.name = name;
    this.url = url;
    this.#token = token;
  }

  async summary(window?: Window): Promise<Sum> {
    const body = await this.#get(`/admin/payments-summary${queryOf(window)}`);
    return readSum(body as Record<string, unknown>);
  }

  /** The charges in order, without the first `offset`. */
  async charges(offset: number): Promise<Charge[]> {
    const charges: Charge[] = [];
    for (;;) {
      const body = await this.#get(`/admin/payments?offset=${offset + charges.length}&limit=${PAGE}`);
      const { payments } = body as { payments: Charge[] };
      if (payments.length === 0) return charges;
      charges.push(...payments);
    }
  }

  async healthCalls(): Promise<HealthCall[]> {
    return (await this.#get('/admin/health-calls')) as HealthCall[];
  }

  async setFailing(failure: boolean): Promise<void> {
    await this.#put('/admin/configurations/failure', { failure });
  }

  async setDelay(delay: number): Promise<void> {
    await this.#put('/admin/configurations/delay', { delay });
  }

  async setFault(fault: {
    kind: string;
    rate?: number;
    count?: number;
    delayMs?: number;
    retryAfterS?: number;
  }): Promise<void> {
    await this.#put('/admin/faults', fault);
  }

  /** Whether payments that are accepted first are declined later. */
  async setDeclining(declines: boolean, delayMs: number): Promise<void> {
    await this.#put('/admin/charging', { delayMs, declines });
  }

  async #get(path: string): Promise<unknown> {
    const headers = { 'X-Rinha-Token': this.#token };
    return JSON.parse(expectSuccess(path, await exchange('GET', `${this.url}${path}`, { headers })));
  }

  async #put(path: string, members: object): Promise<void> {
    const headers = { 'X-Rinha-Token': this.#token, 'Content-Type': 'application/json' };
    const body = JSON.stringify(members);
    expectSuccess(path, await exchange('PUT', `${this.url}${path}`, { headers, body }));
  }
}

/** The query of both kinds of summary. */
export function queryOf(window: Window | undefined): string {
  if (window === undefined) return '';
  return `?from=${new Date(window.fromMs).toISOString()}&to=${new Date(window.toMs).toISOString()}`;
}

/** The totals of a processor in both kinds of summary. Sums in tests are small enough for floats. */
export function readSum({ totalRequests, totalAmount }: Record<string, unknown>): Sum {
  if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') throw new Error('not a summary');
  return { count: totalRequests, amountCents: Math.round(totalAmount * 100) };
}

/** The body of a 2xx answer; throws on any other. */
export function expectSuccess(what: string, { status, body }: Answer): string {
  if (status < 200 || status > 299) throw new Error(`${what} was answered ${status}: ${body}`);
  return body;
}
