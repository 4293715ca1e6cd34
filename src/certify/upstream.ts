import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Clock } from '../core/clock.ts';
import type { Tls } from '../core/tls.ts';
import type { Answer } from './answer-bytes.ts';
import type { ProxiedRequest } from './exchange.ts';

/** Longer than any situation, and shorter than a run. */
const TIMEOUT_MS = 10_000;
/** Processors limit health calls, and situations that run at once share one. */
const HEALTH_KEPT_MS = 5000;
/** The client adds these by itself. */
const NOT_FORWARDED: ReadonlySet<string> = new Set(['host', 'content-length']);
/** These belong to the connection that the answer came on. */
const NOT_RETURNED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
]);

/** The processor under test, as the proxies reach it. */
export class Upstream {
  readonly #origin: URL;
  readonly #agent: HttpAgent;
  readonly #request: typeof requestHttp;
  readonly #clock: Clock;
  #health: { readonly untilMs: number; readonly answer: Promise<Answer> } | null = null;

  constructor(url: string, tls: Tls, clock: Clock) {
    this.#clock = clock;
    this.#origin = new URL(url);
    const isHttps = this.#origin.protocol === 'https:';
    this.#agent = isHttps ? new HttpsAgent({ ...tls, keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#request = isHttps ? requestHttps : requestHttp;
  }

  /** The answer to a health call, which may be a few seconds old. Rejects if the processor does not answer. */
  health(request: ProxiedRequest): Promise<Answer> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#health === null || nowMs >= this.#health.untilMs) {
      this.#health = { untilMs: nowMs + HEALTH_KEPT_MS, answer: this.send(request) };
    }
    return this.#health.answer;
  }

  /** Rejects if there is no answer. */
  send({ method, path, headers, body }: ProxiedRequest): Promise<Answer> {
    const kept = Object.entries(headers).filter(([name]) => !NOT_FORWARDED.has(name));
    const { hostname, port } = this.#origin;
    const options = {
      agent: this.#agent,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      method,
      path,
      headers: { ...Object.fromEntries(kept), 'content-length': Buffer.byteLength(body) },
      timeout: TIMEOUT_MS,
    };
    return new Promise((resolve, reject) => {
      const sent = this.#request(options, (message) => readAnswer(message).then(resolve, reject));
      sent.once('error', reject);
      sent.once('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function readAnswer(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const headers = Object.entries(message.headers)
    .filter(([name]) => !NOT_RETURNED.has(name))
    .map(([name, value]) => [name, String(value)]);
  return {
    status: message.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
