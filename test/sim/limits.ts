import { type CallBounds, type Limits, type TermChanges, termsInForce } from '../../src/core/terms.ts';
import { callShare } from '../../src/pool/calls.ts';
import { processorTarget } from '../processor-target.ts';
import type { Plan } from './plan.ts';
import type { Timeline } from './timeline.ts';

/** An instance from one start to its end: it shares what it has heard with all its threads. */
type Life = object;

interface Heard {
  readonly atMs: number;
  /** By processor. */
  readonly limits: readonly Limits[];
}

type LimitedPlan = Pick<Plan, 'processors' | 'threadCount' | 'sizes'>;

/** The limits of calls in flight are those of a thread, so that plans with one thread and with several reach them. */
function configuredLimits({ processors, threadCount, sizes }: LimitedPlan): readonly Limits[] {
  const callLimit = sizes.callLimit * threadCount;
  return processors.map(({ minAmountCents, maxAmountCents }) => {
    return { callLimit, callsPerSecond: null, minAmountCents, maxAmountCents };
  });
}

/** Whether the gateways keep to the limits of the processors, as an operator has changed them and each life has heard. */
export class HeardLimits {
  readonly #timeline: Timeline;
  readonly #broken: (promise: string, correlationId: string) => void;
  #configured: readonly Limits[] = [];
  #bounds: CallBounds = { poolThreadCount: 1, callsMax: Number.MAX_SAFE_INTEGER };
  /** The latest last. */
  readonly #heard = new WeakMap<Life, Heard[]>();

  constructor(timeline: Timeline, broken: (promise: string, correlationId: string) => void) {
    this.#timeline = timeline;
    this.#broken = broken;
  }

  watch(plan: LimitedPlan): void {
    this.#configured = configuredLimits(plan);
    this.#bounds = { ...this.#bounds, poolThreadCount: plan.threadCount };
  }

  /** `changes`: by processor. */
  heard(life: Life, changes: readonly (TermChanges | undefined)[]): void {
    const all = this.#heard.get(life) ?? [];
    this.#heard.set(life, all);
    const limits = this.#configured.map((configured, processor) =>
      termsInForce(processorTarget(configured), changes[processor], this.#bounds),
    );
    all.push({ atMs: this.#timeline.nowMs, limits });
  }

  /** A payment leaves for a processor that was chosen at `chosenAtMs`. */
  sent(
    life: Life,
    processor: number,
    payment: { correlationId: string; amountCents: number },
    chosenAtMs: number,
  ): void {
    const { correlationId, amountCents } = payment;
    const isTaken = this.#knownAt(life, chosenAtMs, chosenAtMs).some(({ limits }) => {
      const { minAmountCents = 0, maxAmountCents = 0 } = limits[processor] ?? {};
      return amountCents >= minAmountCents && amountCents <= maxAmountCents;
    });
    if (!isTaken) this.#broken('sent to a processor that does not take the amount', correlationId);
  }

  /** A thread begins a request that was decided at `chosenAtMs`, and then has `callCount` calls in flight to the processor. */
  began(life: Life, processor: number, correlationId: string, chosenAtMs: number, callCount: number): void {
    const shares = this.#knownAt(life, chosenAtMs, this.#timeline.nowMs).map(({ limits }) =>
      callShare(limits[processor]?.callLimit ?? 0, this.#bounds.poolThreadCount),
    );
    const most = Math.max(...shares);
    if (callCount > most) this.#broken(`more than ${most} calls of a thread at once`, correlationId);
  }

  /** What a life knew at some moment in this time: more than one thing if it heard something then. */
  #knownAt(life: Life, fromMs: number, toMs: number): Heard[] {
    const all = [
      { atMs: Number.NEGATIVE_INFINITY, limits: this.#configured },
      ...(this.#heard.get(life) ?? []),
    ];
    return all.filter(({ atMs }, index) => atMs <= toMs && (all[index + 1]?.atMs ?? Infinity) >= fromMs);
  }
}
