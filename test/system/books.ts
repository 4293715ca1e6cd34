import * as assert from 'uvu/assert';
import { exchangeKept } from '../contract/kept.ts';
import type { Random } from '../sim/random.ts';
import type { Load, Posted } from './load.ts';
import {
  expectSuccess,
  type ProcessorAdmin,
  queryOf,
  readSum,
  type Sum,
  type Window,
} from './processor-admin.ts';
import { REPEAT_RATE_PER_S, SETTLE_MS, WINDOWS } from './scale.ts';
import { until } from './until.ts';

/** The number of faults to show, because there may be thousands. */
const SHOWN = 10;

/** Compares the summaries of every gateway with the processors' charges. */
export class Books {
  readonly #gatewayUrls: readonly string[];
  readonly #processors: readonly ProcessorAdmin[];

  constructor(gatewayUrls: readonly string[], processors: readonly ProcessorAdmin[]) {
    this.#gatewayUrls = gatewayUrls;
    this.#processors = processors;
  }

  /** Differences between a gateway and the processors, in a window or overall; empty if there are none. */
  async differences(window?: Window): Promise<string[]> {
    const charged = await Promise.all(this.#processors.map((processor) => processor.summary(window)));
    const gateways = await Promise.all(this.#gatewayUrls.map((url) => gatewaySummary(url, window)));
    return gateways.flatMap((summary, gateway) =>
      this.#processors.flatMap(({ name }, index) => {
        const said = shown(summary.get(name));
        const is = shown(charged[index]);
        if (said === is) return [];
        return [
          `${this.#gatewayUrls[gateway]}${queryOf(window)}: the summary of ${name} has ${said}, but it charged ${is}`,
        ];
      }),
    );
  }

  /**
   * Resolves when the processors have charged this many payments and every gateway agrees. A gateway without an answer,
   * because its ledger is unavailable, may agree later.
   */
  async untilSettled(count: number, deadlineMs: number): Promise<void> {
    let last = '';
    const look = async () => {
      const chargedCount = sum(await this.counts());
      const differences = await this.differences();
      last = [`${chargedCount} of ${count} charged`, ...differences].join('; ');
      return chargedCount === count && differences.length === 0;
    };
    const lookAgain = () =>
      look().catch((error: Error) => {
        last = error.message;
        return false;
      });
    await until('gateways and processors agree', deadlineMs, lookAgain).catch((error: Error) => {
      throw new Error(`${error.message}: ${last}`);
    });
  }

  /** Differences in random windows within one, from a single millisecond to the whole; all lengths are equally likely. */
  async differencesWithin({ fromMs, toMs }: Window, windowCount: number, random: Random): Promise<string[]> {
    const differences: string[] = [];
    for (let count = 0; count < windowCount; count++) {
      const lengthMs = Math.floor((toMs - fromMs) ** random.next());
      const startMs = random.int(fromMs, toMs - lengthMs);
      differences.push(...(await this.differences({ fromMs: startMs, toMs: startMs + lengthMs - 1 })));
    }
    return differences;
  }

  /** Every post is charged once, and gateways and processors agree in windows since the first of them. */
  async prove(posts: readonly Posted[], fromMs: number, random: Random): Promise<void> {
    await this.untilSettled(posts.length, SETTLE_MS);
    assert.equal(await this.differencesWithin({ fromMs, toMs: Date.now() }, WINDOWS, random), []);
    assert.equal(await this.faults(posts), []);
  }

  /** Everything was accepted and is charged once, also if all of it is posted again. */
  async proveRepeated(load: Load, fromMs: number, random: Random): Promise<void> {
    const { payments, accepted } = load;
    assert.is(accepted.length, payments.length);
    await this.untilSettled(payments.length, SETTLE_MS);
    const again = load.again(REPEAT_RATE_PER_S);
    await again.run();
    assert.is(again.accepted.length, payments.length);
    await this.prove(payments, fromMs, random);
  }

  /** The number of charges of each processor. */
  async counts(): Promise<number[]> {
    const sums = await Promise.all(this.#processors.map((processor) => processor.summary()));
    return sums.map(({ count }) => count);
  }

  /**
   * What is wrong with the charges made after the first `offsets`, which must all belong to these posts; empty if nothing
   * is. Returns only the first faults if there are many.
   */
  async faults(posts: readonly Posted[], since: readonly number[] = []): Promise<string[]> {
    const charges = await Promise.all(
      this.#processors.map((processor, index) => processor.charges(since[index] ?? 0)),
    );
    const known = new Map(posts.map((posted) => [posted.correlationId, posted]));
    const timesCharged = new Map<string, number>();
    const faults: string[] = [];
    for (const { correlationId, amountCents } of charges.flat()) {
      timesCharged.set(correlationId, (timesCharged.get(correlationId) ?? 0) + 1);
      const posted = known.get(correlationId);
      if (posted === undefined) faults.push(`${correlationId} was charged but never posted`);
      else if (posted.amountCents !== amountCents)
        faults.push(
          `${correlationId} was posted with ${posted.amountCents} and charged ${amountCents} cents`,
        );
    }
    for (const { correlationId, status } of posts) {
      const times = timesCharged.get(correlationId) ?? 0;
      if (times > 1) faults.push(`${correlationId} was charged ${times} times`);
      if (times === 0 && status === 202) faults.push(`${correlationId} was accepted but never charged`);
    }
    return faults.slice(0, SHOWN);
  }
}

async function gatewaySummary(url: string, window: Window | undefined): Promise<ReadonlyMap<string, Sum>> {
  const path = `/payments-summary${queryOf(window)}`;
  const body = expectSuccess(path, await exchangeKept('GET', `${url}${path}`));
  const members = JSON.parse(body) as Record<string, Record<string, unknown>>;
  return new Map(Object.entries(members).map(([name, member]) => [name, readSum(member)]));
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function shown(of: Sum | undefined): string {
  return of === undefined ? 'nothing' : `${of.count} payments of ${of.amountCents} cents`;
}
