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

/** The duration of a payment in milliseconds; null if it failed. */
type Outcome = number | null;

const RATE_PER_S = 200;
const HONEST_CONNECTIONS = 20;
const MEASURE_MS = 10_000;
/** How often both are measured, alternately, because the load of the machine varies. */
const ROUNDS = 2;
const WARM_UP_MS = 3_000;
/** Enough time to open the connections; the server may close them. */
const OPENING_MS = 60_000;
const RELEASE_MS = 2_000;
const ANSWER_MS = 10_000;

/** The latencies of an honest client without and with this many connections held by an attacker. */
export async function hold(
  site: Site,
  target: Target,
  connections: number,
  seed: number,
): Promise<HoldReport> {
  const random = new Random(seed);
  await measure(target, random, WARM_UP_MS);
  const without: Outcome[] = [];
  const during: Outcome[] = [];
  let report: { held: Held; gauges: Gauges } = {
    held: { openCount: 0, closedCount: 0 },
    gauges: site.gauges(),
  };
  for (let round = 0; round < ROUNDS; round++) {
    without.push(...(await measure(target, random, MEASURE_MS)));
    await holding({ port: target.port, connections }, async (held) => {
      during.push(...(await measure(target, random, MEASURE_MS)));
      report = { held: held(), gauges: site.gauges() };
    });
    await pause(RELEASE_MS);
  }
  return { side: target.side, without: latencies(without), during: latencies(during), ...report };
}

/** A separate thread holds the connections while `use` runs. */
async function holding(what: Holding, use: (held: () => Held) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('./holder.ts', import.meta.url), { workerData: what });
  let held: Held = { openCount: 0, closedCount: 0 };
  worker.on('message', (message: Held) => {
    held = message;
  });
  try {
    await until(
      'connections are held',
      OPENING_MS,
      () => held.openCount + held.closedCount >= what.connections,
    );
    await use(() => held);
  } finally {
    await worker.terminate();
  }
}

/** Posts payments at a constant rate, whether or not earlier ones are answered; each is timed from when it was due. */
async function measure(target: Target, random: Random, durationMs: number): Promise<Outcome[]> {
  const clients = Array.from({ length: HONEST_CONNECTIONS }, () => new HonestClient(target.port));
  const startMs = performance.now();
  const calls: Promise<Outcome>[] = [];
  for (let sent = 0; sent < (durationMs / 1000) * RATE_PER_S; sent++) {
    const dueMs = startMs + (sent * 1000) / RATE_PER_S;
    while (performance.now() < dueMs) await pause(1);
    const client = clients[sent % clients.length];
    if (client !== undefined) calls.push(client.pay(paymentShot(random), dueMs));
  }
  const outcomes = await Promise.all(calls);
  for (const client of clients) client.close();
  return outcomes;
}

function latencies(outcomes: readonly Outcome[]): Latencies {
  const answered = outcomes.filter((latencyMs) => latencyMs !== null).sort((one, other) => one - other);
  const at = (part: number) => answered[Math.floor(answered.length * part)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), failedCount: outcomes.length - answered.length };
}

/** A keep-alive connection with one payment at a time, reopened when the server closes it. */
class HonestClient {
  readonly #port: number;
  #line: Line | null = null;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(port: number) {
    this.#port = port;
  }

  /** Makes a second attempt if the connection was lost. */
  pay(shot: Shot, dueMs: number): Promise<Outcome> {
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
