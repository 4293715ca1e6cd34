import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** A callback that takes longer is given up: look-ups tell the same. */
const TIMEOUT_MS = 5000;
/** Further callbacks are dropped, as some are by every real processor. */
const IN_FLIGHT_LIMIT = 100;

/** Posts JSON to `url`. A failure is ignored, and nothing is sent twice. */
export class Callback {
  readonly #url: string;
  #inFlight = 0;

  constructor(url: string) {
    this.#url = url;
  }

  post(body: string): void {
    if (this.#inFlight === IN_FLIGHT_LIMIT) return;
    this.#inFlight++;
    const send = this.#url.startsWith('https:') ? requestHttps : requestHttp;
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const sent = send(this.#url, { method: 'POST', headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    sent.on('response', (response) => response.on('error', () => {}).resume());
    sent.on('error', () => {});
    sent.once('close', () => this.#inFlight--);
    sent.end(body);
  }
}
