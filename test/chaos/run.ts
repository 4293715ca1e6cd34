import { readdirSync } from 'node:fs';
import type { Random } from '../sim/random.ts';
import { pause, until } from '../system/until.ts';
import { Audit, type Breach, healthBreaches } from './audit.ts';
import { Clients } from './clients.ts';
import type { Fault } from './fault.ts';
import { Deck } from './faults.ts';
import { Lab, type LedgerKind, type Settings } from './lab.ts';
import type { LabProcessor } from './processors.ts';
import { lastWords, ownersIn, storyOf, timeOf } from './story.ts';
import { type Vitals, vitalsOf } from './vitals.ts';

export interface RunPlan {
  readonly ledger: LedgerKind;
  readonly random: Random;
  /** No round begins after this time. */
  readonly durationMs: number;
  /** Duration of the load in a round, without the check after it. */
  readonly roundMs: number;
  readonly settings: Settings;
  readonly processors: readonly LabProcessor[];
  readonly instanceCount: number;
  /** New payments a second; null: each round draws its rate. */
  readonly ratePerS: number | null;
  /** Only faults whose names contain one of these; empty: all. */
  readonly only: readonly string[];
  readonly say: (line: string) => void;
}

/** The counts and findings of a run. */
export interface Tally {
  rounds: number;
  posts: number;
  /** Posts to nginx that got 503 or no answer, of clients that wait for one. */
  refused: number;
  payments: number;
  charged: number;
  rejected: number;
  readonly faults: Map<string, number>;
  readonly breaches: Breach[];
}

const RATE_MIN_PER_S = 120;
const RATE_MAX_PER_S = 220;
const FAULTS_MIN = 4;
const FAULTS_MAX = 7;
const WARM_UP_MS = 2_500;
const QUIET_MS = 60_000;
/** How long an abandoned call may still be charged. */
const LATE_MS = 3_500;
const WINDOWS = 30;
const STORIES = 3;
/** Connections that stay open a while after their last call. */
const DESCRIPTORS_MORE = 24;
/** Heaps grow before they are collected, and replaced threads leave some memory behind. */
const MEMORY_MORE_BYTES = 96 * 1024 * 1024;

/** Rounds of load and faults against one deployment, each followed by a check of all promises. */
export async function run(plan: RunPlan): Promise<Tally> {
  const { ledger, random, say } = plan;
  const tally = newTally();
  const lab = await Lab.open(ledger, random, plan.settings, plan.processors, plan.instanceCount);
  try {
    if (lab.disks === null) say('cannot mount disks here (needs root), so no disk will be full');
    const deck = new Deck(
      ledger,
      lab.disks !== null,
      plan.only,
      random.fork('deck'),
      plan.processors,
      plan.instanceCount,
    );
    await new Round(plan, lab, tally, WARM_UP_MS, []).play();
    const endMs = performance.now() + plan.durationMs;
    while (performance.now() < endMs && tally.breaches.length === 0) {
      tally.rounds++;
      const count = random.int(FAULTS_MIN, FAULTS_MAX);
      const faults = Array.from({ length: count }, () => deck.draw());
      await new Round(plan, lab, tally, plan.roundMs, faults).play();
    }
  } catch (error) {
    lab.printOutput();
    throw error;
  } finally {
    await lab.close();
  }
  return tally;
}

function shown(vitals: Vitals | undefined): string {
  if (vitals === undefined) return 'nothing known';
  return `${Math.round(vitals.memoryBytes / 2 ** 20)} MiB ${vitals.descriptors} descriptors`;
}

function newTally(): Tally {
  return {
    rounds: 0,
    posts: 0,
    refused: 0,
    payments: 0,
    charged: 0,
    rejected: 0,
    faults: new Map(),
    breaches: [],
  };
}

class Round {
  readonly #plan: RunPlan;
  readonly #lab: Lab;
  readonly #tally: Tally;
  readonly #durationMs: number;
  readonly #faults: readonly Fault[];
  readonly #random: Random;

  constructor(plan: RunPlan, lab: Lab, tally: Tally, durationMs: number, faults: readonly Fault[]) {
    this.#plan = plan;
    this.#lab = lab;
    this.#tally = tally;
    this.#durationMs = durationMs;
    this.#faults = faults;
    this.#random = plan.random.fork(`round ${tally.rounds}`);
  }

  async play(): Promise<void> {
    const { books, entrances } = this.#lab;
    const random = this.#random;
    const since = await books.counts();
    const vitals = this.#vitals();
    const fromMs = Date.now();
    const ratePerS = this.#plan.ratePerS ?? random.int(RATE_MIN_PER_S, RATE_MAX_PER_S);
    const clients = new Clients({ entrances, ratePerS, durationMs: this.#durationMs, random });
    await Promise.all([clients.run(), this.#strikeAll()]);
    const loadEndMs = performance.now();
    const audit = new Audit(this.#lab, clients.paid, since);
    const late = pause(LATE_MS);
    const breaches = await audit.untilQuiet(QUIET_MS);
    const quietMs = performance.now() - loadEndMs;
    await late;
    if (breaches.some(({ promise }) => promise === 'window')) breaches.push(...(await audit.windowCauses()));
    if (breaches.length === 0) {
      breaches.push(...(await audit.breaches(fromMs, WINDOWS, random)));
      breaches.push(...(await healthBreaches(this.#lab)), ...(await this.#unrecovered(vitals)));
    }
    const posts = clients.paid.reduce((sum, paid) => sum + paid.posts.length, 0);
    this.#tally.refused += clients.refusedBehind('nginx');
    this.#count(clients.paid.length, posts, audit, breaches);
    this.#plan.say(
      `round ${this.#tally.rounds}: ${clients.paid.length} payments in ${posts} posts, ${audit.chargedCount} charged, ` +
        `${audit.rejectedCount} rejected, idle after ${(quietMs / 1000).toFixed(1)} s, ${this.#vitals().map(shown).join(' and ')}; ` +
        `${breaches.length} breaches`,
    );
    await this.#explain(clients, breaches);
  }

  /** Starts each fault at its time, but not before the previous one with the same target has ended. */
  async #strikeAll(): Promise<void> {
    const random = this.#random.fork('moments');
    const lastOf = new Map<string, Promise<void>>();
    const momentsMs = this.#faults
      .map(() => random.int(Math.floor(this.#durationMs * 0.05), Math.floor(this.#durationMs * 0.8)))
      .sort((one, other) => one - other);
    const strikes = this.#faults.map((fault, index) => {
      const before = Promise.all(fault.targets.map((target) => lastOf.get(target)));
      const strike = pause(momentsMs[index] ?? 0)
        .then(() => before)
        .then(() => this.#strike(fault));
      for (const target of fault.targets) lastOf.set(target, strike);
      return strike;
    });
    await Promise.all(strikes);
  }

  async #strike(fault: Fault): Promise<void> {
    const { faults } = this.#tally;
    faults.set(fault.name, (faults.get(fault.name) ?? 0) + 1);
    this.#plan.say(`  ${timeOf(Date.now())}  ${fault.name.padEnd(22)} ${fault.text}`);
    await fault.strike(this.#lab);
  }

  #vitals(): (Vitals | undefined)[] {
    return this.#lab.gateways.map(({ child }) => vitalsOf(child.pid));
  }

  /** Processes that survived the round have released their resources, and the journals are empty. */
  async #unrecovered(before: readonly (Vitals | undefined)[]): Promise<Breach[]> {
    let last: Breach[] = [];
    const look = () => {
      last = [...this.#grown(before), ...this.#unreclaimed()];
      return last.length === 0;
    };
    await until('resources are released', QUIET_MS, look).catch(() => {});
    return last;
  }

  #grown(before: readonly (Vitals | undefined)[]): Breach[] {
    return this.#vitals().flatMap((now, index): Breach[] => {
      const was = before[index];
      if (now === undefined || was === undefined || now.pid !== was.pid || this.#tally.rounds === 0)
        return [];
      const name = `instance ${index + 1}`;
      const found: Breach[] = [];
      if (now.descriptors > was.descriptors + DESCRIPTORS_MORE) {
        const text = `${name} has ${now.descriptors} open descriptors, ${was.descriptors} before the round`;
        found.push({ promise: 'bounds', text });
      }
      if (now.memoryBytes > was.memoryBytes + MEMORY_MORE_BYTES) {
        const text = `${name} has ${now.memoryBytes} bytes of memory, ${was.memoryBytes} before the round`;
        found.push({ promise: 'bounds', text });
      }
      return found;
    });
  }

  #unreclaimed(): Breach[] {
    return this.#lab.journalDirs.flatMap((directory): Breach[] => {
      const files = readdirSync(directory).filter((name) => name.endsWith('.journal'));
      return files.length === 0
        ? []
        : [{ promise: 'bounds', text: `${directory} still contains ${files.join(', ')}` }];
    });
  }

  #count(payments: number, posts: number, audit: Audit, breaches: readonly Breach[]): void {
    this.#tally.payments += payments;
    this.#tally.posts += posts;
    this.#tally.charged += audit.chargedCount;
    this.#tally.rejected += audit.rejectedCount;
    this.#tally.breaches.push(...breaches);
  }

  async #explain(clients: Clients, breaches: readonly Breach[]): Promise<void> {
    const { say } = this.#plan;
    for (const { promise, correlationId, text } of breaches.slice(0, 20))
      say(`  BROKEN ${promise}: ${correlationId ?? ''} ${text}`);
    const ids = new Set(breaches.flatMap(({ correlationId }) => correlationId ?? []));
    for (const id of [...ids].slice(0, STORIES)) {
      const paid = clients.paid.find(({ correlationId }) => correlationId === id);
      if (paid !== undefined) for (const line of await storyOf(paid, this.#lab)) say(line);
    }
    if (breaches.length > 0)
      for (const line of [...(await ownersIn(this.#lab)), ...(await lastWords(this.#lab))]) say(line);
  }
}
