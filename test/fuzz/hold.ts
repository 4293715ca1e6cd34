import { Worker } from 'node:worker_threads';
import { Random } from '../sim/random.ts';
import { pause, until } from '../system/until.ts';
import type { Held, Holding } from './holder.ts';
import type { Side } from './judge.ts';
import { Line } from './line.ts';
import { paymentShot, type Shot } from './shot.ts';
import type { Gauges, Site, Target } from './site.ts';

export interface HoldReport {
  readonly side: Side;
  readonly without: Latencies;
  readonly during: Latencies;
  readonly held: Held;
  readonly gauges: Gauges;
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failedCount: number;
}

const RATE_PER_S = 200;
const HONEST_CONNECTIONS = 20;
const MEASURE_MS = 15_000;
const WARM_UP_MS = 3_000;
/** Time enough to open the connections, of which nothing says that the server lets them live. */
const OPENING_MS = 20_000;
const ANSWER_MS = 10_000;

/** How an honest client of a target fares without, and with so many connections held by somebody who means no good. */
export async function hold(
  site: Site,
  target: Target,
  connections: number,
  seed: number,
): Promise<HoldReport> {
  const random = new Random(seed);
  await measure(target, random, WARM_UP_MS);
  const without = await measure(target, random, MEASURE_MS);
  const worker = new Worker(new URL('./holder.ts', import.meta.url), {
    workerData: { port: target.port, connections } satisfies Holding,
  });
  let held: Held = { openCount: 0, closedCount: 0 };
  worker.on('message', (message: Held) => {
    held = message;
  });
  try {
    await until('connections are held', OPENING_MS, () => held.openCount + held.closedCount >= connections);
    const during = await measure(target, random, MEASURE_MS);
    return { side: target.side, without, during, held, gauges: site.gauges() };
  } finally {
    await worker.terminate();
  }
}

/** Payments at a steady rate, whatever becomes of those before; each is timed from the moment it was due. */
async function measure(target: Target, random: Random, durationMs: number): Promise<Latencies> {
  const clients = Array.from({ length: HONEST_CONNECTIONS }, () => new HonestClient(target.port));
  const startMs = performance.now();
  const calls: Promise<number | null>[] = [];
  for (let sent = 0; sent < (durationMs / 1000) * RATE_PER_S; sent++) {
    const dueMs = startMs + (sent * 1000) / RATE_PER_S;
    while (performance.now() < dueMs) await pause(1);
    const client = clients[sent % clients.length];
    if (client !== undefined) calls.push(client.pay(paymentShot(random), dueMs));
  }
  const latenciesMs = await Promise.all(calls);
  for (const client of clients) client.close();
  const answered = latenciesMs.filter((latencyMs) => latencyMs !== null).sort((one, other) => one - other);
  const at = (part: number) => answered[Math.floor(answered.length * part)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), failedCount: calls.length - answered.length };
}

/** One kept-alive connection, opened again when the server has closed it. One payment at a time. */
class HonestClient {
  readonly #port: number;
  #line: Line | null = null;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(port: number) {
    this.#port = port;
  }

  /** How long it took, of both attempts where the connection was lost; null: it failed. */
  pay(shot: Shot, dueMs: number): Promise<number | null> {
    const call = this.#busy.then(async () => {
      const isPaid = (await this.#attempt(shot)) || (await this.#attempt(shot));
      return isPaid ? performance.now() - dueMs : null;
    });
    this.#busy = call;
    return call;
  }

  close(): void {
    this.#line?.drop();
  }

  async #attempt(shot: Shot): Promise<boolean> {
    if (this.#line === null || this.#line.closed) this.#line = await Line.open(this.#port, '127.0.0.1');
    this.#line.send(shot.bytes);
    await this.#line.heard(1, ANSWER_MS);
    return this.#line.take()[0]?.status === 202;
  }
}
