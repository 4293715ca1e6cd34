import { Api } from './api.ts';
import type { Record } from './record.ts';
import type { Condition } from './scenario.ts';
import { type ProcessorSummary, parseSummary } from './summary.ts';

/** One processor, through its administrative API. */
export class ProcessorAdmin {
  readonly #url: string;
  readonly #api: Api;

  /** Given a record, its calls count in the official latencies. */
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

  /** What it holds with a stamp in [from, to], or all it holds; undefined when it did not answer in time. */
  async summary(window = ''): Promise<ProcessorSummary | undefined> {
    const answer = await this.#api.call('GET', `/admin/payments-summary${window}`);
    return answer.status === 200 ? parseSummary(answer.body) : undefined;
  }

  close(): void {
    this.#api.close();
  }

  /** A run in which a processor can't be set as the scenario says is no run. */
  async #must(method: 'POST' | 'PUT', path: string, body?: string): Promise<void> {
    const { status } = await this.#api.call(method, path, body);
    if (status < 200 || status >= 300) {
      throw new Error(`${method} ${this.#url}${path} answered ${status || 'nothing'}`);
    }
  }
}
