import { Api } from './api.ts';
import type { Record } from './record.ts';
import type { Condition } from './scenario.ts';
import { type ProcessorSummary, parseSummary } from './summary.ts';

/** The administrative API of a processor. */
export class ProcessorAdmin {
  readonly #url: string;
  readonly #api: Api;

  /** If a record is given, the calls count in the official latencies. */
  constructor(url: string, token: string, record?: Record) {
    this.#url = url;
    this.#api = new Api(url, `X-Rinha-Token: ${token}\r\n`, record);
  }

  async setToken(token: string): Promise<void> {
    await this.#must('PUT', '/admin/configurations/token', JSON.stringify({ token }));
  }

  async setDelay({ delayMs }: Condition): Promise<void> {
    await this.#must('PUT', '/admin/configurations/delay', JSON.stringify({ delay: delayMs }));
  }

  async setFailure({ failing }: Condition): Promise<void> {
    await this.#must('PUT', '/admin/configurations/failure', JSON.stringify({ failure: failing }));
  }

  async purge(): Promise<void> {
    await this.#must('POST', '/admin/purge-payments');
  }

  /** Its payments stamped in [from, to], or all of them; undefined if it did not answer in time. */
  async summary(window = ''): Promise<ProcessorSummary | undefined> {
    const answer = await this.#api.call('GET', `/admin/payments-summary${window}`);
    return answer.status === 200 ? parseSummary(answer.body) : undefined;
  }

  close(): void {
    this.#api.close();
  }

  /** A run is invalid if a processor cannot be configured as the scenario requires. */
  async #must(method: 'POST' | 'PUT', path: string, body?: string): Promise<void> {
    const { status } = await this.#api.call(method, path, body);
    if (status < 200 || status >= 300) {
      throw new Error(
        `${method} ${this.#url}${path} failed: ${status === 0 ? 'no answer' : `HTTP ${status}`}`,
      );
    }
  }
}
