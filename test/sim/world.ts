import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import type { Verdict } from '../../src/http/payment-acceptor.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { ledgerOf } from '../../src/ledger/sharded/ledger.ts';
import { must } from '../ledger/samples.ts';
import { Audit, type Broken, nameOf } from './audit.ts';
import { Instance } from './instance.ts';
import { type LedgerBackend, LedgerConnections, memoryBackend } from './ledger-backend.ts';
import { REST_MAX_MS } from './manners.ts';
import { Operator } from './operator.ts';
import {
  configuredCount,
  type Fault,
  type LostShard,
  type Plan,
  type Post,
  type SummaryRead,
} from './plan.ts';
import { SimProcessor } from './processor.ts';
import { Random } from './random.ts';
import { Scope } from './scope.ts';
import { Timeline } from './timeline.ts';
import { Weather } from './weather.ts';

export interface Outcome {
  readonly plan: Plan;
  /** Null if every promise was kept. */
  readonly broken: Broken | null;
  readonly eventCount: number;
  readonly chargeCount: number;
  readonly virtualMs: number;
}

/** How long after the last fault every payment must be finished. */
const QUIET_WITHIN_MS = 180_000;
/** Enough for two health answers of every processor, and for a turn whose taker died or got no answer. */
const RECOVERED_WITHIN_MS = 25_000;
/** Books are folded up to whole minutes, by one instance in turns. */
const FOLDED_WITHIN_MS = 75_000;
const LOOK_EVERY_MS = 500;
/** How long a new payment takes at most when all is well, except for a shard in which it does not live. */
const SOON_MS = 8000;
const CALLBACK_LATE_MS = 800;
const CALLBACK_LOST_RATE = 0.2;
const STEPS_A_TURN = 50;
/** In memory where the system has a place for that: no promise here depends on a real disk, and LMDB syncs each commit. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A thread that has room for few payments charges them one batch after another. */
function quietWithinMs({ processors, posts, sizes }: Plan): number {
  const chargeDelayMs = Math.max(...processors.map((processor) => processor.chargeDelayMs));
  return QUIET_WITHIN_MS + (posts.length * chargeDelayMs) / sizes.inFlightLimit;
}

/** Runs a plan. `history`, if given, gets a line for each thing that happens. */
export async function runPlan(
  plan: Plan,
  history: string[] | null = null,
  backend: LedgerBackend = memoryBackend,
): Promise<Outcome> {
  const directory = mkdtempSync(join(SCRATCH, 'dinossauro-sim-'));
  const names = Array.from({ length: plan.processorCount }, (_, processor) => nameOf(processor));
  const places = Array.from({ length: plan.shardCount }, (_, shard) => join(directory, `shard-${shard}`));
  const known = names.slice(0, configuredCount(plan));
  const connections = new LedgerConnections(places.map((place) => backend.newShard(known, place)));
  const random = new Random(plan.seed).fork('audit');
  const shards = places.map((_, shard) => connections.connect(shard, systemClock, random.next));
  const ledger = ledgerOf(await Promise.all(shards));
  for (const name of names.slice(known.length)) {
    await must(ledger.registerProcessor(name));
    ledger.addProcessor(name);
  }
  const world = new World(plan, directory, connections, ledger, history);
  const onRejection = (reason: unknown) => world.failed(reason);
  process.on('unhandledRejection', onRejection);
  try {
    return await world.run();
  } finally {
    process.off('unhandledRejection', onRejection);
    await connections.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A whole deployment: instances, ledger, processors, clients and faults. */
class World {
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #timeline: Timeline;
  readonly #callbacks: Random;
  readonly #weather = new Weather();
  readonly #audit: Audit;
  readonly #processors: SimProcessor[];
  readonly #instances: Instance[];
  readonly #operator: Operator;

  constructor(
    plan: Plan,
    directory: string,
    connections: LedgerConnections,
    ledger: Ledger,
    history: string[] | null,
  ) {
    this.#plan = plan;
    this.#random = new Random(plan.seed).fork('world');
    this.#timeline = new Timeline(this.#random.fork('timeline'));
    this.#callbacks = this.#random.fork('callbacks');
    const [timeline, weather] = [this.#timeline, this.#weather];
    this.#audit = new Audit(timeline, ledger, history, plan.retentionMs !== null);
    const audit = this.#audit;
    this.#operator = new Operator(ledger, timeline, audit, plan.processorCount);
    const processorScope = new Scope(timeline, { offsetMs: 0 });
    this.#processors = plan.processors.map(
      (processorPlan, index) =>
        new SimProcessor({
          index,
          plan: processorPlan,
          inDoubtHoldMs: plan.sizes.inDoubtHoldMs,
          timeline,
          scope: processorScope,
          random: this.#random.fork(`processor ${index}`),
          audit,
          onCallback: (body) => this.#callBack(index, body),
        }),
    );
    audit.watch(
      this.#processors.map(({ model }) => model),
      plan,
    );
    this.#instances = Array.from(
      { length: plan.instanceCount },
      (_, index) =>
        new Instance({
          index,
          plan,
          directory: join(directory, String(index)),
          timeline,
          weather,
          connections,
          processors: this.#processors,
          audit,
          random: this.#random.fork(`instance ${index}`),
        }),
    );
  }

  async run(): Promise<Outcome> {
    for (const instance of this.#instances) instance.start();
    for (const post of this.#plan.posts) this.#timeline.after(post.atMs, () => this.#post(post));
    for (const fault of this.#plan.faults) this.#timeline.after(fault.atMs, () => this.#begin(fault));
    this.#operator.plan(this.#plan, this.#plan.calmAtMs);
    const ids = this.#plan.posts.map(({ correlationId }) => correlationId);
    this.#operator.sendAgain(this.#plan.sendAgainsMs, ids, this.#random.fork('sent again'));
    this.#operator.cancel(this.#plan.cancels);
    this.#operator.hold(this.#plan.holds, this.#plan.calmAtMs);
    for (const read of this.#plan.reads) this.#timeline.after(read.atMs, () => this.#read(read));
    const { calmAtMs, lostShard } = this.#plan;
    const loss = lostShard === null ? null : this.#lose(lostShard);
    await this.#passUntil(calmAtMs);
    if (this.#plan.cheapestIsLost) this.#processors[0]?.begin(this, { how: 'failing' });
    for (const instance of this.#instances) {
      if (this.#plan.clocksAreSet) instance.setClock();
      instance.start();
    }
    if (lostShard !== null && loss !== null) {
      await this.#outlast(lostShard);
      this.#weather.end(loss);
    }
    await this.#untilQuiet(Math.max(calmAtMs, this.#timeline.nowMs));
    const { retentionMs } = this.#plan;
    if (retentionMs !== null) await this.#passUntil(this.#timeline.nowMs + retentionMs + FOLDED_WITHIN_MS);
    if (this.#audit.firstBroken === null) await this.#balance();
    if (this.#audit.firstBroken === null && !this.#plan.cheapestIsLost) await this.#rest();
    for (const instance of this.#instances) instance.kill();
    return {
      plan: this.#plan,
      broken: this.#audit.firstBroken,
      eventCount: this.#timeline.eventCount,
      chargeCount: this.#audit.chargeCount,
      virtualMs: this.#timeline.nowMs,
    };
  }

  failed(reason: unknown): void {
    const text = reason instanceof Error ? (reason.stack ?? String(reason)) : String(reason);
    this.#audit.broken(`an exception: ${text}`, null);
  }

  async #untilQuiet(fromMs: number): Promise<void> {
    const isQuiet = async () =>
      this.#instances.every((instance) => instance.isJournalEmpty) && (await this.#audit.isQuiet(null));
    await this.#until(fromMs, quietWithinMs(this.#plan), isQuiet);
  }

  /** Passes time until this is so, or a promise is broken, or time is up. Resolves to whether it is so. */
  async #until(fromMs: number, withinMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
    for (let untilMs = fromMs; untilMs < fromMs + withinMs; untilMs += LOOK_EVERY_MS) {
      if (await isSo()) return true;
      await this.#passUntil(untilMs);
      if (this.#audit.firstBroken !== null) return false;
    }
    return isSo();
  }

  #lose({ shard, atMs, how }: LostShard): Fault {
    const fault: Fault = { kind: 'ledger', atMs, forMs: 0, instance: null, how, shard };
    this.#timeline.after(atMs, () => {
      this.#audit.tell('fault', `shard ${shard} is lost: it ${how}`);
      this.#weather.begin(fault);
    });
    return fault;
  }

  /** While a shard is away and all else is well, the payments of the other shards are settled, new ones soon. */
  async #outlast({ shard, posts }: LostShard): Promise<void> {
    const isQuiet = () => this.#audit.isQuiet(shard);
    if (!(await this.#until(this.#plan.calmAtMs, quietWithinMs(this.#plan), isQuiet))) {
      this.#audit.broken(`with shard ${shard} away, payments of others are not settled`, null);
      return;
    }
    await this.#passUntil(this.#timeline.nowMs + RECOVERED_WITHIN_MS + this.#restMs);
    for (const post of posts) this.#post({ ...post, atMs: this.#timeline.nowMs });
    const chargeDelayMs = Math.max(...this.#plan.processors.map((processor) => processor.chargeDelayMs));
    await this.#passUntil(this.#timeline.nowMs + SOON_MS + posts.length * chargeDelayMs);
    if (!(await isQuiet()))
      this.#audit.broken(`with shard ${shard} away, payments of others are not settled soon`, null);
  }

  #read({ instance }: SummaryRead): void {
    const life = this.#instances[instance]?.life ?? null;
    if (life !== null) void this.#audit.summarized(() => life.summary());
  }

  async #balance(): Promise<void> {
    await this.#audit.balance(this.#random.fork('balance'));
    for (const [index, instance] of this.#instances.entries()) {
      if (!instance.isJournalEmpty)
        this.#audit.broken(`the journal of instance ${index} is never emptied`, null);
    }
  }

  /** With no more posts and healthy processors, health answers alone must close every breaker. */
  async #rest(): Promise<void> {
    await this.#passUntil(this.#timeline.nowMs + RECOVERED_WITHIN_MS + this.#restMs);
    for (const [index, instance] of this.#instances.entries()) {
      for (const processor of instance.life?.openBreakers ?? [])
        if (this.#processors[processor]?.contract.health !== undefined)
          this.#audit.broken(`the breaker of processor ${processor} stays open at instance ${index}`, null);
    }
  }

  /** How long processors may rest after all faults have ended. */
  get #restMs(): number {
    const isResting = this.#plan.faults.some((fault) => fault.kind === 'processor' && fault.retryAfterS);
    return isResting ? REST_MAX_MS : 0;
  }

  async #passUntil(untilMs: number): Promise<void> {
    try {
      // Node reports unhandled rejections only between turns of the event loop.
      do {
        await new Promise((resolve) => setImmediate(resolve));
      } while (this.#audit.firstBroken === null && (await this.#timeline.steps(STEPS_A_TURN, untilMs)));
    } catch (error) {
      this.failed(error);
    }
  }

  // Clients.

  #post(post: Post): void {
    const { audit, life } = { audit: this.#audit, life: this.#instances[post.instance]?.life ?? null };
    audit.posted(post);
    let isOver = false;
    const over = (verdict: Verdict | 'stopping' | 'no answer') => {
      if (isOver) return;
      isOver = true;
      const told = typeof verdict === 'string' ? verdict : verdict.kind;
      audit.tell('client', `${post.correlationId} ${post.amountCents} at ${post.instance}: ${told}`);
      const isFinal = told === 'accepted' || told === 'amount-conflict' || told === 'payment-rejected';
      if (!isFinal) this.#postAgain(post);
    };
    this.#timeline.after(3000, () => over('no answer'));
    const id = Buffer.alloc(UUID_BYTES);
    writeUuid(post.correlationId, id, 0);
    life?.scope.deliver(() => {
      const answered = this.#audit.offered(post, life.scope);
      life.post(id, post.amountCents, (verdict) => {
        answered();
        if (!life.scope.touch()) return;
        if (verdict === 'accepted') {
          const knownCents = life.accepted.get(post.correlationId);
          life.accepted.set(post.correlationId, post.amountCents);
          audit.accepted(post, knownCents, this.#plan.durability === 'ledger');
        }
        over(verdict);
      });
      // The buffer was only on loan.
      id.fill(0xee);
    });
  }

  #postAgain(post: Post): void {
    if (post.retries === 0) return;
    const instance = (post.instance + 1) % this.#plan.instanceCount;
    const atMs = this.#timeline.nowMs + 200;
    const again = { ...post, atMs, instance, retries: post.retries - 1 };
    this.#timeline.after(200, () => this.#post(again));
  }

  // Callbacks: to any instance, and some are lost.

  #callBack(processor: number, body: string): void {
    const random = this.#callbacks;
    const delayMs = random.int(0, CALLBACK_LATE_MS);
    const instance = this.#instances[random.int(0, this.#instances.length - 1)];
    if (random.chance(CALLBACK_LOST_RATE)) return;
    this.#timeline.after(delayMs, () => instance?.life?.calledBack(processor, body));
  }

  // Faults.

  #begin(fault: Fault): void {
    this.#audit.tell('fault', JSON.stringify(fault));
    const forMs = Math.min(fault.forMs, this.#plan.calmAtMs - this.#timeline.nowMs);
    const end = (run: () => void) =>
      this.#timeline.after(forMs, () => {
        this.#audit.tell('fault ends', JSON.stringify(fault));
        run();
      });
    switch (fault.kind) {
      case 'ledger':
      case 'link':
      case 'disk':
        this.#weather.begin(fault);
        end(() => this.#weather.end(fault));
        break;
      case 'processor':
        this.#processors[fault.processor]?.begin(fault, fault);
        end(() => this.#processors[fault.processor]?.end(fault));
        break;
      case 'clock jump':
        for (const [index, instance] of this.#instances.entries()) {
          if ((fault.instance ?? index) === index) instance.jump(fault.byMs);
        }
        break;
      default:
        this.#strike(fault, this.#instances[fault.instance] as Instance, end);
    }
  }

  #strike(
    fault: Exclude<Fault, { kind: 'ledger' | 'link' | 'disk' | 'processor' | 'clock jump' }>,
    instance: Instance,
    end: (run: () => void) => void,
  ): void {
    const life = instance.life;
    switch (fault.kind) {
      case 'kill':
        life?.scope.killAfter(fault.acts, fault.inWrite);
        end(() => {
          life?.scope.kill();
          if (life !== null && instance.life === null) instance.spoilDisk(fault.disk);
          instance.start();
        });
        break;
      case 'stop by signal':
        void life?.stop();
        end(() => {
          life?.scope.kill();
          instance.start();
        });
        break;
      case 'pause':
        life?.scope.stopAfter(fault.acts);
        end(() => life?.scope.go());
        break;
      case 'thread death':
        life?.killThread(fault.thread);
        break;
    }
  }
}
