import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { exchangeKept } from '../contract/kept.ts';
import type { Random } from '../sim/random.ts';
import { pause, until } from './until.ts';

/** A posted payment and its answer. */
export interface Posted {
  readonly correlationId: string;
  readonly amountCents: number;
  /** The status of the last answer; 0 if there is none yet or the connection broke. */
  status: number;
  /** How many times it was posted. */
  posts: number;
}

export interface LoadPlan {
  /** The gateways' URLs, used in turn. */
  readonly urls: readonly string[];
  readonly payments: number;
  readonly ratePerS: number;
  readonly random: Random;
  /** Whether a payment without an answer or with 503 is posted again, as a real client would. */
  readonly insists?: boolean;
}

const MAX_AMOUNT_CENTS = 999_999;
const CONNECTIONS_PER_URL = 64;
const TICK_MS = 5;
const POST_AGAIN_MS = 100;
const INSIST_MS = 30_000;
const REACH_MS = 60_000;

/** Distinct payments of random amounts, posted at a constant rate over keep-alive connections. */
export class Load {
  readonly payments: readonly Posted[];
  readonly #plan: LoadPlan;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_PER_URL });
  #next = 0;
  #answered = 0;

  constructor(plan: LoadPlan, payments: readonly Posted[] = distinct(plan)) {
    this.#plan = plan;
    this.payments = payments;
  }

  /** Posts the same payments again, at another rate. */
  again(ratePerS: number): Load {
    return new Load(
      { ...this.#plan, ratePerS },
      this.payments.map((posted) => ({ ...posted, status: 0, posts: 0 })),
    );
  }

  get accepted(): Posted[] {
    return this.payments.filter(({ status }) => status === 202);
  }

  /** Resolves when every payment has been answered or given up. */
  async run(): Promise<void> {
    const startMs = performance.now();
    const answers: Promise<void>[] = [];
    while (answers.length < this.payments.length) {
      const due = Math.ceil(((performance.now() - startMs) / 1000) * this.#plan.ratePerS);
      for (const posted of this.payments.slice(answers.length, due)) answers.push(this.#pay(posted));
      await pause(TICK_MS);
    }
    await Promise.all(answers);
    this.#agent.destroy();
  }

  /** Resolves during the run, once this many payments have been answered. */
  async reached(count: number): Promise<void> {
    await until(`${count} answers`, REACH_MS, () => this.#answered >= count);
  }

  async #pay(posted: Posted): Promise<void> {
    const endMs = performance.now() + INSIST_MS;
    for (;;) {
      await this.#post(posted);
      const isAnswered = posted.status !== 0 && posted.status !== 503;
      if (isAnswered || this.#plan.insists !== true || performance.now() >= endMs) break;
      await pause(POST_AGAIN_MS);
    }
    this.#answered++;
  }

  async #post(posted: Posted): Promise<void> {
    const url = this.#plan.urls[this.#next++ % this.#plan.urls.length];
    const body = `{"correlationId":"${posted.correlationId}","amount":${decimal(posted.amountCents)}}`;
    const headers = { 'Content-Type': 'application/json' };
    posted.posts++;
    const answer = await exchangeKept('POST', `${url}/payments`, { body, headers, agent: this.#agent });
    posted.status = answer.status;
  }
}

function distinct({ payments, random }: LoadPlan): Posted[] {
  return Array.from({ length: payments }, () => ({
    correlationId: randomUUID(),
    amountCents: random.int(1, MAX_AMOUNT_CENTS),
    status: 0,
    posts: 0,
  }));
}

function decimal(amountCents: number): string {
  const digits = String(amountCents).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
