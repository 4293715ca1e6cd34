import { type Answer, Connection } from './connection.ts';
import type { Record } from './record.ts';
import { CALL_TIMEOUT_MS } from './scenario.ts';

/**
 * An HTTP API called over a connection of its own, one call at a time, with the contest's timeout. If a record is given,
 * the answers count in the official latencies.
 */
export class Api {
  readonly #connection: Connection;
  readonly #head: string;
  readonly #record: Record | undefined;

  constructor(url: string, headers: string, record?: Record) {
    const parsed = new URL(url);
    this.#connection = new Connection(parsed);
    this.#head = `Host: ${parsed.host}\r\nContent-Type: application/json\r\n${headers}`;
    this.#record = record;
  }

  async call(method: 'GET' | 'POST' | 'PUT', path: string, body = ''): Promise<Answer> {
    const request = `${method} ${path} HTTP/1.1\r\n${this.#head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const answer = await this.#connection.exchange(request, CALL_TIMEOUT_MS);
    this.#record?.answered(answer.status, answer.durationMs);
    return answer;
  }

  close(): void {
    this.#connection.close();
  }
}
