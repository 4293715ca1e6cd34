import type { ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { HealthReport, Ledger, LedgerEvent } from '../ledger/ledger.ts';
import type { Processor } from '../processor/processor.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { CircuitBreakers } from './circuit-breakers.ts';

export interface HealthParts {
  readonly ledger: Ledger;
  readonly processors: readonly Processor[];
  readonly targets: readonly Pick<ProcessorTarget, 'name' | 'healthTimeoutMs'>[];
  readonly breakers: CircuitBreakers;
  readonly sharedState: SharedState;
  readonly metrics: ThreadMetrics;
  readonly policy: HealthPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface HealthPolicy {
  /** The pause between two health calls to a processor, over the whole deployment. */
  readonly healthIntervalMs: number;
}

/**
 * Makes health calls, taking turns with the other instances, and receives the answers that they get.
 *
 * The ledger counts the turns: one call per processor and interval over the whole deployment, restarts included. Each
 * instance times them on its monotonic clock, because the wall clocks of the machines jump and differ. The instance that
 * made the last call makes the next one an interval after its answer. Another instance takes over when it has seen no new
 * turn for so long that the last call must have come to the processor an interval ago. An instance that has just started waits equally long,
 * unless there has been no turn at all.
 */
export class HealthWatch {
  readonly #parts: HealthParts;
  readonly #cancels = new Map<number, () => void>();
  /** When the next probe begins, on the monotonic clock, by processor. */
  readonly #dueAtMs = new Map<number, number>();
  /** The latest turn that this instance knows of, by processor. */
  readonly #lastTurns = new Map<number, number>();
  /** The `checkedAtMs` of the last report applied, by processor. */
  readonly #checkedAtMs = new Map<number, number>();
  #unsubscribe: () => void = () => {};
  #stopped = false;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#subscribe();
    for (const processor of this.#parts.processors.keys()) this.watch(processor);
  }

  /** Begins with one processor, which may have been added since the start. */
  watch(processor: number): void {
    if (this.#parts.processors[processor]?.reportsHealth === true) void this.#probe(processor);
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    for (const cancel of this.#cancels.values()) cancel();
  }

  async #subscribe(): Promise<void> {
    const reply = await this.#parts.ledger.subscribe((event) => this.#onEvent(event));
    const { clock } = this.#parts;
    if (reply.kind === 'ok') this.#unsubscribe = reply.value;
    else this.#unsubscribe = clock.after(SUBSCRIBE_AGAIN_MS, () => void this.#subscribe());
    if (this.#stopped) this.#unsubscribe();
  }

  #onEvent(event: LedgerEvent): void {
    if (event.kind === 'purged') {
      this.#parts.sharedState.raisePurgedAt(event.purgedAtMs);
      return;
    }
    const { processor } = event.report;
    if (!this.#apply(event.report)) return;
    const { clock, policy } = this.#parts;
    // The report may be older than a turn that is known, whose call is perhaps still on its way.
    const leftMs = (this.#dueAtMs.get(processor) ?? 0) - clock.monotonicMs();
    this.#probeLater(processor, Math.max(policy.healthIntervalMs, leftMs));
  }

  /**
   * False: it has been applied. This instance also receives its own reports from the ledger, and the latest one again when
   * it has subscribed anew.
   */
  #apply({ processor, failing, minResponseTimeMs, checkedAtMs }: HealthReport): boolean {
    if (this.#checkedAtMs.get(processor) === checkedAtMs) return false;
    this.#checkedAtMs.set(processor, checkedAtMs);
    this.#parts.breakers.reported(processor, failing, minResponseTimeMs);
    return true;
  }

  async #probe(processor: number): Promise<void> {
    const { ledger, clock, policy, sharedState } = this.#parts;
    const { healthIntervalMs } = policy;
    const { healthTimeoutMs } = this.#targetOf(processor);
    // It may have been shut down.
    if (sharedState.use(processor) === 'removed') return this.#probeLater(processor, healthIntervalMs);
    const askedAtMs = clock.monotonicMs();
    const reply = await ledger.takeHealthTurn(processor, this.#lastTurns.get(processor) ?? 0);
    if (this.#stopped) return;
    if (reply.kind === 'unavailable') {
      this.#probeLater(processor, TRY_AGAIN_MS);
      return;
    }
    this.#lastTurns.set(processor, reply.value.turn);
    // A call that starts late, after a slow ledger reply or a stopped process, may overlap the next turn.
    const isLate = clock.monotonicMs() - askedAtMs > healthTimeoutMs;
    if (!reply.value.isTaken || isLate) {
      this.#probeLater(processor, healthIntervalMs + LATE_TIMEOUTS * healthTimeoutMs);
      return;
    }
    const answer = await this.#ask(processor);
    if (typeof answer !== 'string') {
      this.#apply(answer);
      await ledger.publishHealth(answer);
    }
    this.#probeLater(
      processor,
      healthIntervalMs + (answer === 'unanswered' ? LATE_TIMEOUTS * healthTimeoutMs : 0),
    );
  }

  async #ask(processor: number): Promise<HealthReport | 'limited' | 'unanswered'> {
    const { processors, metrics, clock, log } = this.#parts;
    const { name, healthTimeoutMs } = this.#targetOf(processor);
    const health = await processors[processor]?.health(healthTimeoutMs);
    if (health?.kind === 'reported') {
      const { failing, minResponseTimeMs } = health;
      metrics.countAt(processor, failing ? 'healthFailing' : 'healthWell');
      return { processor, failing, minResponseTimeMs, checkedAtMs: clock.nowMs() };
    }
    log.debug({ processor: name, health }, 'no health answer');
    const isLimited = health?.kind === 'limited';
    metrics.countAt(processor, isLimited ? 'healthLimited' : 'healthUnknown');
    return isLimited ? 'limited' : 'unanswered';
  }

  #targetOf(processor: number): HealthParts['targets'][number] {
    const target = this.#parts.targets[processor];
    if (target === undefined) throw new Error(`there is no processor ${processor}`);
    return target;
  }

  #probeLater(processor: number, delayMs: number): void {
    if (this.#stopped) return;
    this.#cancels.get(processor)?.();
    const { clock, random } = this.#parts;
    const waitMs = delayMs + Math.floor(random() * JITTER_MS);
    this.#dueAtMs.set(processor, clock.monotonicMs() + waitMs);
    this.#cancels.set(
      processor,
      clock.after(waitMs, () => void this.#probe(processor)),
    );
  }
}

/**
 * After so many timeouts a call has come to the processor, or never will: it begins at most one after its turn was asked for,
 * is given up after another, and may still be on its way for a third when the machine, the network or the processor is slow.
 */
const LATE_TIMEOUTS = 3;
const SUBSCRIBE_AGAIN_MS = 1000;
/** The delay before the next try while the ledger does not answer. */
const TRY_AGAIN_MS = 1000;
const JITTER_MS = 50;
