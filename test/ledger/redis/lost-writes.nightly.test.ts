import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/core/clock.ts';
import type { Claim, LedgerEntry, Reply, Settlement, Shard } from '../../../src/ledger/ledger.ts';
import { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { Random } from '../../sim/random.ts';
import { claimOf, id, must, settlementOf, T0_MS } from '../samples.ts';
import { CutServer, type LosingRedis, MasterAndReplica } from './losing-redis.ts';
import { RedisGate } from './redis-gate.ts';

// Redis crashes and comes back without writes that it did not confirm, any number of them. Gateways reconnect one by one,
// while those already back take over from each other, claim and settle. In the end nothing has been charged twice, and the
// books match what the processors charged.

const NAMES = ['default', 'fallback'];
const DEADLINE_MS = 20_000;
/** Short, because replicas that do not answer are waited for. */
const TIMEOUT_MS = 800;
/** Payments that are new in each life of Redis. */
const NEW_PAYMENTS = 24;
const LIVES = 3;
const PAYMENTS = NEW_PAYMENTS * LIVES;
/** Steps before Redis stops confirming, and between two reconnects. */
const STEPS = { before: 25, between: 10 };
/** Calls of each thread that are not confirmed, at most. */
const UNCONFIRMED_MAX = 6;
const SETTLING_ROUNDS = 12;

/** What a pool thread knows about a payment: a `dispatcher.ts` without timers. */
interface InFlight {
  state: 'waiting' | 'resting' | 'in-doubt' | 'settling';
  claimed: boolean;
  processor: number;
  requestedAtMs: number;
}

/** By payment number: the stamp under which it was charged. */
type Charges = Map<number, number>;

const test = suite('unconfirmed writes that are lost');

class Thread {
  readonly name: string;
  readonly ledger: Shard;
  readonly gate: RedisGate;
  readonly inFlight = new Map<number, InFlight>();
  owner = 0;
  isAway = false;
  /** A call that must succeed before any other, as its effects are unknown. */
  unanswered: (() => Promise<void>) | null = null;

  constructor(name: string, ledger: Shard, gate: RedisGate) {
    this.name = name;
    this.ledger = ledger;
    this.gate = gate;
  }

  async acquireLease(): Promise<void> {
    this.acquired(
      await this.untilOk(() => this.ledger.acquireLease({ instanceId: this.name, name: 'pool-0' }, 0)),
    );
  }

  acquired(owner: number): void {
    this.owner = owner;
    for (const [number, { claimed }] of this.inFlight) if (claimed) this.inFlight.delete(number);
  }

  /** Repeats a call until it succeeds. */
  async untilOk<T>(ask: () => Promise<Reply<T>>): Promise<T> {
    for (;;) {
      const reply = await ask();
      if (reply.kind === 'ok') return reply.value;
      await this.ready();
    }
  }

  async ready(): Promise<void> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while ((await this.ledger.ping()).kind === 'unavailable') {
      if (performance.now() > deadlineMs) throw new Error('the ledger did not become available in time');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

class Deployment {
  readonly #server: LosingRedis;
  readonly #random: Random;
  readonly #pools: readonly Thread[];
  readonly #front: Thread;
  readonly #charges: readonly Charges[] = NAMES.map(() => new Map());
  #nowMs = T0_MS;
  #isCalm = false;
  #life = 0;

  constructor(server: LosingRedis, threads: readonly Thread[], random: Random) {
    this.#server = server;
    this.#random = random;
    this.#front = threads[0] as Thread;
    this.#pools = threads.slice(1);
  }

  async live(): Promise<void> {
    for (const thread of this.#threads) await thread.acquireLease();
    for (this.#life = 0; this.#life < LIVES; this.#life++) await this.#live();
    await this.#calmDown();
  }

  get #firstNew(): number {
    return NEW_PAYMENTS * this.#life;
  }

  get #lastNew(): number {
    return this.#firstNew + NEW_PAYMENTS - 1;
  }

  async #live(): Promise<void> {
    const random = this.#random;
    for (let step = 0; step < STEPS.before; step++) await this.#step();
    await this.#loseAnswers();
    for (const thread of this.#threads) {
      thread.isAway = true;
      thread.gate.shut();
    }
    await this.#server.crash();
    const away = [...this.#threads];
    while (away.length > 0) {
      const [thread] = away.splice(random.int(0, away.length - 1), 1) as [Thread];
      thread.gate.leadTo(this.#server.port);
      thread.gate.reopen();
      await thread.ready();
      thread.isAway = false;
      const { unanswered } = thread;
      thread.unanswered = null;
      await unanswered?.();
      for (let step = random.int(0, STEPS.between); step > 0; step--) await this.#step();
    }
  }

  /** Redis executes what the threads ask for, and some see what others have done, but what is not confirmed is lost. */
  async #loseAnswers(): Promise<void> {
    const random = this.#random;
    this.#server.beginLosing(random.int(0, UNCONFIRMED_MAX * this.#threads.length));
    for (let round = 0; round < UNCONFIRMED_MAX; round++) {
      for (const pool of this.#some(this.#pools, 0.7)) {
        if (pool.unanswered !== null) continue;
        if (random.chance(0.5)) pool.gate.loseNextAnswer(random.int(0, 1));
        this.#server.mark(await this.#unanswered(pool));
      }
    }
  }

  /** Returns whether it was answered all the same. */
  async #unanswered(pool: Thread): Promise<boolean> {
    const draw = this.#random.int(1, 100);
    if (draw <= 60) return this.#commit(pool, 0.6, false);
    if (draw <= 70) {
      const reply = await pool.ledger.acquireLease({ instanceId: pool.name, name: 'pool-0' }, 0);
      if (reply.kind === 'unavailable') pool.unanswered = () => pool.acquireLease();
      else pool.acquired(reply.value);
      return reply.kind === 'ok';
    }
    const owners = await pool.ledger.owners();
    if (owners.kind === 'unavailable') return false;
    const others = owners.value.filter(({ owner }) => owner !== pool.owner);
    if (others.length === 0) return true;
    const [{ owner: from }, limit] = [this.#pick(others), this.#random.int(1, 6)];
    const taken = await pool.ledger.takeOver(from, pool.owner, limit);
    if (taken.kind === 'ok') for (const entry of taken.value) adopt(pool, entry);
    else
      pool.unanswered = async () => {
        await this.#takeOverFrom(pool, from, limit);
      };
    return taken.kind === 'ok';
  }

  get #threads(): readonly Thread[] {
    return [this.#front, ...this.#pools];
  }

  // Steps.

  async #step(): Promise<void> {
    this.#nowMs += 10;
    const draw = this.#random.int(1, 100);
    const pool = this.#pick(this.#pools);
    if (draw <= 15) return this.#ask(pool);
    if (draw <= 25) return this.#post(pool);
    if (draw <= 40) return this.#reserve();
    if (pool.isAway) return;
    if (draw <= 75) return void (await this.#commit(pool));
    if (draw <= 92) return this.#takeOver(pool);
    if (draw <= 97) return this.#renew(pool);
    return this.#abandon();
  }

  /** A record of the journal is pushed, or pushed again. */
  #post(pool: Thread): void {
    this.#add(pool, this.#random.int(this.#firstNew, this.#lastNew));
  }

  #add(pool: Thread, number: number): void {
    if (pool.inFlight.has(number)) return;
    pool.inFlight.set(number, { state: 'waiting', claimed: false, processor: 0, requestedAtMs: 0 });
  }

  async #reserve(): Promise<void> {
    const front = this.#front;
    if (front.isAway) return;
    const numbers = this.#some(
      Array.from({ length: NEW_PAYMENTS }, (_, number) => this.#firstNew + number),
      0.2,
    );
    if (this.#random.chance(0.1)) front.gate.loseNextAnswer();
    const claims = numbers.map((number) => claimOf(number, { processor: null, requestedAtMs: 0 }));
    const reply = await front.ledger.commit(front.owner, [], claims);
    if (reply.kind === 'unavailable') {
      await front.ready();
      return this.#abandon();
    }
    const { claimed } = reply.value;
    for (const [index, number] of numbers.entries())
      if (claimed[index] === 'claimed') this.#add(this.#pick(this.#pools), number);
    if (claimed.includes('fenced')) await front.acquireLease();
  }

  async #abandon(): Promise<void> {
    const front = this.#front;
    if (front.isAway) return;
    const former = front.owner;
    await front.acquireLease();
    await front.ledger.releaseLease(former);
  }

  async #renew(pool: Thread): Promise<void> {
    const isGood = await pool.untilOk(() => pool.ledger.renewLease(pool.owner, 0));
    if (!isGood) await pool.acquireLease();
  }

  async #commit(pool: Thread, share = 0.4, isReady = true): Promise<boolean> {
    const settling = this.#some(inState(pool, 'settling'), share);
    const claiming = this.#some([...inState(pool, 'waiting'), ...inState(pool, 'resting')], share);
    for (const [, inFlight] of claiming) {
      inFlight.processor = this.#random.int(0, 1);
      inFlight.requestedAtMs = this.#nowMs;
    }
    if (isReady && !this.#isCalm && this.#random.chance(0.05)) pool.gate.loseNextAnswer();
    const reply = await pool.ledger.commit(pool.owner, settling.map(settlement), claiming.map(claim));
    if (reply.kind === 'unavailable') {
      if (isReady) await pool.ready();
      return false;
    }
    for (const [number] of settling) pool.inFlight.delete(number);
    for (const [index, [number, inFlight]] of claiming.entries()) {
      const answer = reply.value.claimed[index];
      if (answer === 'claimed') this.#send(number, inFlight);
      else if (answer !== 'fenced' || inFlight.claimed) pool.inFlight.delete(number);
    }
    if (reply.value.claimed.includes('fenced')) await pool.acquireLease();
    return true;
  }

  async #takeOver(pool: Thread): Promise<void> {
    const owners = await pool.untilOk(() => pool.ledger.owners());
    const others = owners.filter(({ owner }) => owner !== pool.owner);
    if (others.length > 0) await this.#takeOverFrom(pool, this.#pick(others).owner, this.#random.int(1, 6));
  }

  async #takeOverFrom(pool: Thread, from: number, limit: number): Promise<number> {
    if (!this.#isCalm && this.#random.chance(0.1)) pool.gate.loseNextAnswer(this.#random.int(0, 1));
    const taken = await pool.untilOk(() => pool.ledger.takeOver(from, pool.owner, limit));
    for (const entry of taken) adopt(pool, entry);
    return taken.length;
  }

  // Processors.

  #send(number: number, inFlight: InFlight): void {
    inFlight.claimed = true;
    const charges = this.#charges[inFlight.processor] as Charges;
    const isTaken = this.#isCalm || this.#random.chance(0.6);
    const isAnswered = this.#isCalm || this.#random.chance(0.7);
    if (isTaken && !charges.has(number)) {
      charges.set(number, inFlight.requestedAtMs);
      inFlight.state = isAnswered ? 'settling' : 'in-doubt';
    } else {
      inFlight.state = isAnswered && !isTaken ? 'resting' : 'in-doubt';
    }
  }

  #ask(pool: Thread): void {
    for (const [number, inFlight] of this.#some(inState(pool, 'in-doubt'), 0.5))
      this.#askFor(number, inFlight);
  }

  #askFor(number: number, inFlight: InFlight): void {
    const requestedAtMs = this.#charges[inFlight.processor]?.get(number);
    inFlight.state = requestedAtMs === undefined ? 'resting' : 'settling';
    if (requestedAtMs !== undefined) inFlight.requestedAtMs = requestedAtMs;
  }

  // The end.

  /** From here on nothing fails, so everything gets settled. */
  async #calmDown(): Promise<void> {
    this.#isCalm = true;
    await this.#abandon();
    for (let round = 0; round < SETTLING_ROUNDS; round++) {
      for (const pool of this.#pools) {
        this.#nowMs += 10;
        await this.#renew(pool);
        await this.#takeOverFromTheDead(pool);
        for (const [number, inFlight] of inState(pool, 'in-doubt')) this.#askFor(number, inFlight);
        await this.#commit(pool, 1);
      }
    }
  }

  async #takeOverFromTheDead(pool: Thread): Promise<void> {
    const living = this.#threads.map(({ owner }) => owner);
    for (const { owner } of await must(pool.ledger.owners())) {
      if (living.includes(owner)) continue;
      while ((await this.#takeOverFrom(pool, owner, 100)) > 0);
    }
  }

  async check(): Promise<void> {
    const { ledger } = this.#front;
    for (const { inFlight, name } of this.#pools)
      assert.equal([...inFlight.keys()], [], `in flight at ${name}`);
    for (let number = 0; number < PAYMENTS; number++) {
      const entry = await must(ledger.find(id(number)));
      const at = [0, 1].filter((processor) => this.#charges[processor]?.has(number));
      assert.ok(at.length <= 1, `payment ${number} was charged twice`);
      if (at.length === 0) continue;
      assert.is(entry?.status, 'settled', `payment ${number}`);
      assert.is(entry?.processor, at[0], `payment ${number}`);
    }
    const totals = await must(ledger.summary(-Infinity, Infinity));
    assert.equal(
      totals.map(({ count }) => count),
      this.#charges.map(({ size }) => size),
    );
  }

  // Drawing.

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.int(0, list.length - 1)] as T;
  }

  #some<T>(list: readonly T[], share: number): T[] {
    return share === 1 ? [...list] : list.filter(() => this.#random.chance(share));
  }
}

function inState(pool: Thread, state: InFlight['state']): [number, InFlight][] {
  return [...pool.inFlight].filter(([, inFlight]) => inFlight.state === state);
}

function claim([number, { processor, requestedAtMs }]: [number, InFlight]): Claim {
  return claimOf(number, { processor, requestedAtMs });
}

function settlement([number, { processor, requestedAtMs }]: [number, InFlight]): Settlement {
  return settlementOf(number, { processor, requestedAtMs });
}

function adopt(pool: Thread, entry: LedgerEntry): void {
  const number = Number.parseInt(entry.correlationId.slice(-4), 16);
  if (pool.inFlight.get(number)?.claimed === true) return;
  const { processor, requestedAtMs, status } = entry;
  const claimed = status === 'dispatched';
  const state = claimed ? 'in-doubt' : 'waiting';
  pool.inFlight.set(number, { state, claimed, processor: processor ?? 0, requestedAtMs });
}

async function connect(server: LosingRedis, name: string): Promise<Thread> {
  const gate = await RedisGate.before(server.port);
  let drawn = 0;
  const ledger = await RedisLedger.open(gate.url, {
    processorNames: NAMES,
    clock: systemClock,
    random: () => (drawn++ < 8 ? Math.random() : 0.3),
    replicas: server.replicas,
    timeoutMs: TIMEOUT_MS,
  });
  return new Thread(name, ledger, gate);
}

const LOSERS = [
  { name: 'a server whose file is cut off', start: () => CutServer.start() },
  { name: 'a replica that is promoted', start: () => MasterAndReplica.start() },
];

/** Redis hands over entries in random order, so a seed gives similar histories, not the same one. */
const SEEDS = [7, 19, 21];

for (const { name: loser, start } of LOSERS) {
  for (const seed of SEEDS) {
    test(`${loser}: a random history ends with correct books, seed ${seed}`, async () => {
      const server = await start();
      const threads: Thread[] = [];
      try {
        for (const name of ['front', 'pool-a', 'pool-b', 'pool-c']) threads.push(await connect(server, name));
        const deployment = new Deployment(server, threads, new Random(seed));
        await deployment.live();
        await deployment.check();
      } finally {
        for (const { ledger, gate } of threads) {
          await ledger.close();
          await gate.close();
        }
        await server.stop();
      }
    });
  }
}

test.run();
