import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { LedgerTarget } from '../../src/config/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Claim, Ledger, Settlement, Shard } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/open.ts';
import { must } from '../ledger/samples.ts';

export interface MovingOrder {
  /** An LMDB ledger, and where its books go. */
  readonly path: string;
  readonly to: { readonly url: string; readonly shardCount: number };
  readonly count: number;
  /** Payments a second that the gateway of the old books settles meanwhile. */
  readonly perSecond: number;
  readonly retentionMs: number;
  readonly say: (line: string) => void;
}

export interface Moved {
  readonly loadedPerSecond: number;
  /** What the last run, which was not interrupted, reports; it includes what the runs before it copied. */
  readonly lastRunMs: number;
  readonly wholeMs: number;
  /** As the command says. */
  readonly stopMs: number;
  readonly settledMeanwhile: number;
  /** The slowest commit of the gateway meanwhile, and the longest time without one before the stop. */
  readonly slowestCommitMs: number;
}

const NAMES = ['default', 'fallback'];
const FEE = { feePpm: 50_000, feeFixedCents: 1 };
const LOAD_BATCH = 256;
const TURN_MS = 50;
const MIGRATION_LIMIT_MS = 20 * 60_000;
/** Every so many payments, one stays open for a while. */
const OPEN_EVERY = 100;

/**
 * Moves books while a gateway uses them, in processes of their own. The command is killed twice: in its first pass, and
 * right after it has begun the stop. Then both books are compared: every minute, the fees, and what is open.
 */
export async function moveInterrupted(order: MovingOrder): Promise<Moved> {
  const { path, count, say } = order;
  const parts = { clock: systemClock, random: Math.random };
  const source = await openLedger({ kind: 'lmdb', path }, NAMES, parts, 'here');
  const gateway = new BusyGateway(source.shards[0] as Shard, order);
  try {
    const beganMs = performance.now();
    await gateway.load(count);
    const loadedPerSecond = Math.round((1000 * count) / (performance.now() - beganMs));
    say(`loaded ${count} payments, ${loadedPerSecond} a second`);
    gateway.start();
    const migrationMs = performance.now();
    const quarter = Math.max(1, Math.floor(count / 4));
    for (const isReached of [
      (line: string) =>
        Number(/^read (\d+) payments/.exec(line)?.[1] ?? 0) >= quarter || line.startsWith('pass 1'),
      (line: string) => line.startsWith('the stop begins'),
    ]) {
      const { isKilled } = await migrate(order, isReached);
      assert.ok(isKilled, 'the command was too fast to be interrupted');
    }
    const lastMs = performance.now();
    const { lines, code } = await migrate(order, () => false);
    assert.is(code, 0, lines.join('\n'));
    const endedMs = performance.now();
    const stopMs = Number(/the stop took (\d+) ms/.exec(lines.join('\n'))?.[1]);
    const { settledCount, slowestCommitMs } = await gateway.stop();
    await compare(source, order, gateway.firstMs);
    return {
      loadedPerSecond,
      lastRunMs: Math.round(endedMs - lastMs),
      wholeMs: Math.round(endedMs - migrationMs),
      stopMs,
      settledMeanwhile: settledCount - count,
      slowestCommitMs: Math.round(slowestCommitMs),
    };
  } finally {
    await gateway.stop();
    await source.close();
  }
}

/** What a gateway does with its books: claims, settles a turn later, folds. */
class BusyGateway {
  readonly firstMs: number;
  readonly #shard: Shard;
  readonly #order: MovingOrder;
  #owner = 0;
  #number = 0;
  #open: Claim[] = [];
  #settledCount = 0;
  #slowestCommitMs = 0;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(shard: Shard, order: MovingOrder) {
    this.#shard = shard;
    this.#order = order;
    this.firstMs = Date.now() - order.count;
  }

  /** Payments a millisecond apart, up to now. */
  async load(count: number): Promise<void> {
    this.#owner = await must(
      this.#shard.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, Date.now() + 3_600_000),
    );
    let before: Claim[] = [];
    while (this.#number < count) {
      const size = Math.min(LOAD_BATCH, count - this.#number);
      const claims = Array.from({ length: size }, () => this.#claim(this.firstMs + this.#number));
      await must(this.#shard.commit(this.#owner, before.map(settlementOf), claims));
      before = claims;
    }
    await must(this.#shard.commit(this.#owner, before.map(settlementOf), []));
    this.#settledCount = count;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<{ readonly settledCount: number; readonly slowestCommitMs: number }> {
    this.#isStopped = true;
    await this.#running;
    return { settledCount: this.#settledCount, slowestCommitMs: this.#slowestCommitMs };
  }

  async #run(): Promise<void> {
    const { perSecond, retentionMs } = this.#order;
    const size = Math.max(1, Math.round((perSecond * TURN_MS) / 1000));
    while (!this.#isStopped) {
      const ready = this.#open.filter((claim) => !isLate(claim));
      const settlements = [...ready, ...this.#open.filter(isLate).slice(OPEN_EVERY)].map(settlementOf);
      const claims = Array.from({ length: size }, () => this.#claim(Date.now()));
      const beganMs = performance.now();
      const reply = await this.#shard.commit(this.#owner, settlements, claims);
      if (reply.kind === 'unavailable') {
        // The books are frozen: a gateway keeps its payments in its journal from now on.
        assert.match(reply.reason, 'were moved to');
        return;
      }
      this.#slowestCommitMs = Math.max(this.#slowestCommitMs, performance.now() - beganMs);
      const ended = new Set(settlements.map(({ correlationId }) => correlationId));
      this.#settledCount += settlements.length;
      this.#open = [...this.#open.filter(({ correlationId }) => !ended.has(correlationId)), ...claims];
      await this.#shard.upkeep(Date.now(), retentionMs);
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    }
  }

  #claim(requestedAtMs: number): Claim {
    const number = this.#number++;
    const mixed = (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
    return {
      correlationId: `${mixed}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`,
      amountCents: 100 + (number % 5000),
      acceptedAtMs: requestedAtMs,
      processor: number % 3 === 0 ? 1 : 0,
      requestedAtMs,
    };
  }
}

function isLate({ correlationId }: Claim): boolean {
  return Number.parseInt(correlationId.slice(-4), 16) % OPEN_EVERY === 0;
}

function settlementOf({ correlationId, processor, amountCents, requestedAtMs }: Claim): Settlement {
  const end = { status: 'settled', reason: '', fee: FEE } as const;
  return { correlationId, processor: processor ?? 0, amountCents, requestedAtMs, ...end };
}

/** Runs the command, and kills it at the first line that is the one to kill it at. */
async function migrate(
  { path, to, say }: MovingOrder,
  isReached: (line: string) => boolean,
): Promise<{ readonly isKilled: boolean; readonly code: number | null; readonly lines: readonly string[] }> {
  const { PATH, HOME, TMPDIR } = process.env;
  const launcher = fileURLToPath(new URL('../../bin/dinossauro.js', import.meta.url));
  const env = { PATH, HOME, TMPDIR, LEDGER_SHARDS: String(to.shardCount) };
  const child = spawn(process.execPath, [launcher, 'migrate', `lmdb:${path}`, to.url], {
    env,
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: MIGRATION_LIMIT_MS,
    killSignal: 'SIGKILL',
    detached: true,
  });
  const lines: string[] = [];
  let isKilled = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.trimEnd().split('\n')) {
      lines.push(line);
      say(line);
      if (isKilled || !isReached(line)) continue;
      isKilled = true;
      // With the process that the launcher has started.
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
  });
  const [code] = await once(child, 'close');
  return { isKilled, code, lines };
}

async function compare(source: Ledger, { to, say }: MovingOrder, firstMs: number): Promise<void> {
  const target: LedgerTarget = { kind: 'redis', ...to };
  const other = await openLedger(target, NAMES, { clock: systemClock, random: Math.random }, 'here');
  try {
    const { folded } = await must(source.foldedTime());
    assert.equal((await must(other.foldedTime())).folded, folded);
    const windows: [number, number][] = [[-Infinity, Infinity]];
    for (let ms = firstMs - (firstMs % 60_000); ms < Date.now(); ms += 60_000)
      windows.push([ms, ms + 59_999]);
    for (const [fromMs, toMs] of windows) {
      assert.equal(await must(other.summary(fromMs, toMs)), await must(source.summary(fromMs, toMs)));
    }
    const fine = [folded.secondsMs + 1, folded.secondsMs - 1, firstMs + 1] as const;
    for (const fromMs of fine) {
      assert.equal(await other.summary(fromMs, Infinity), await source.summary(fromMs, Infinity));
    }
    assert.equal(await must(other.fees()), await must(source.fees()));
    const open = async (ledger: Ledger) => {
      const counts = await must(ledger.openPayments());
      return counts.map(({ name, count }) => `${count} at ${name}`).sort();
    };
    assert.equal(await open(other), await open(source));
    say(`${windows.length} windows, fees and open payments are the same in both books`);
  } finally {
    await other.close();
  }
}
