import { randomUUID } from 'node:crypto';
import { type Clock, sleep } from '../core/clock.ts';
import type { Payment } from '../core/payment.ts';
import { HttpProcessor } from '../processor/client.ts';
import type { Contract } from '../processor/contract.ts';
import type { LookUpOutcome } from '../processor/processor.ts';
import { propagationOnlyTracer } from '../tracing/open.ts';
import { honest } from './acts.ts';
import { wrongConclusions } from './conclusions.ts';
import { FaultProxy } from './fault-proxy.ts';
import { Gateway } from './gateway.ts';
import { breachesOf, type Judged } from './judge.ts';
import { ObservedContract, readMark } from './observed-contract.ts';
import type { SituationResult } from './promise.ts';
import type { Situation, Times } from './situation.ts';
import type { Upstream } from './upstream.ts';

export interface TrialParts {
  readonly contract: Contract;
  readonly upstream: Upstream;
  /** The path of the processor's URL. */
  readonly pathPrefix: string;
  /** The processor under test without anything between, and the other one. */
  readonly processors: readonly HttpProcessor[];
  readonly times: Times;
  readonly clock: Clock;
  readonly amountCents: (number: number) => number;
}

const PAYMENT_COUNT = 4;
const LOOK_AGAIN_MS = 20;
/** How long payments may take to be final once everything is well, in holds. */
const PATIENCE_HOLDS = 4;
/** Payments that are posted one after another until one is charged by the processor under test. */
const LATER_COUNT = 12;
/** Time for what must not happen. */
const QUIET_MS = 80;
const CONNECTION_COUNT = 16;
/** A pending charge is waited for this often. */
const PENDING_LOOKS = 100;

/** Runs one situation with a gateway of its own, and judges its outcome. */
export async function run(situation: Situation, parts: TrialParts): Promise<SituationResult> {
  const trial = new Trial(situation, parts);
  return trial.run();
}

class Trial {
  readonly #situation: Situation;
  readonly #parts: TrialParts;
  readonly #contract: ObservedContract;
  readonly #proxy: FaultProxy;
  readonly #payments: Payment[] = [];

  constructor(situation: Situation, parts: TrialParts) {
    this.#situation = situation;
    this.#parts = parts;
    this.#contract = new ObservedContract(parts.contract, parts.clock);
    this.#proxy = new FaultProxy({
      upstream: parts.upstream,
      clock: parts.clock,
      script: situation.script(parts.times),
      honest,
      read: readMark,
    });
  }

  async run(): Promise<SituationResult> {
    const { clock, pathPrefix, processors, times } = this.#parts;
    const [, other] = processors;
    if (other === undefined) throw new Error('a trial needs the other processor');
    const startedAtMs = clock.monotonicMs();
    const port = await this.#proxy.listen();
    const certified = new HttpProcessor({
      name: 'certified',
      url: `http://127.0.0.1:${port}${pathPrefix}`,
      contract: this.#contract,
      connectionCount: CONNECTION_COUNT,
      clock,
      tracer: propagationOnlyTracer,
    });
    const gateway = new Gateway([certified, other], clock, times);
    for (let number = 0; number < PAYMENT_COUNT; number++) gateway.post(this.#nextPayment());
    await this.#untilFinal(gateway, times.faultMaxMs);
    this.#proxy.heal();
    const isFinal = await this.#untilFinal(gateway, times.holdMs * PATIENCE_HOLDS);
    await this.#proxy.settled();
    const openCount = isFinal ? 0 : gateway.openCount;
    const askedAgain = isFinal ? await this.#postAgain(gateway) : [];
    await this.#postLater(gateway);
    const tookMs = clock.monotonicMs() - startedAtMs;
    await gateway.close();
    await this.#proxy.close();
    await certified.close();
    const judged = await Promise.all(
      this.#payments.map((payment, index) => this.#judged(gateway, payment, index >= PAYMENT_COUNT)),
    );
    const breaches = breachesOf({
      situation: this.#situation,
      payments: judged,
      totals: await gateway.totals(),
      exchanges: this.#proxy.exchanges,
      calls: this.#contract.calls,
      askedAgain,
      openCount,
      tookMs,
    });
    return this.#result(judged, breaches, tookMs);
  }

  #result(judged: readonly Judged[], breaches: SituationResult['breaches'], tookMs: number): SituationResult {
    const { contract, times } = this.#parts;
    const { kind, name, mayReject = false } = this.#situation;
    const wrong = judged.flatMap(({ payment, exchanges }) =>
      wrongConclusions({
        contract,
        payment: { ...payment, requestedAtMs: payment.acceptedAtMs },
        exchanges,
        calls: this.#contract.calls,
        holdMs: times.holdMs,
        wasTakeable: !mayReject,
      }),
    );
    const isPromised = breaches.every(({ correlationId }) => {
      const causes = wrong.filter((one) => one.correlationId === correlationId);
      return causes.length > 0 && causes.every(({ proof }) => proof !== null);
    });
    const verdict = breaches.length === 0 ? 'holds' : isPromised ? 'promised' : 'broken';
    return { kind, name, verdict, breaches, wrongConclusions: wrong, tookMs };
  }

  #nextPayment(): Payment {
    const { amountCents, clock } = this.#parts;
    const payment = {
      correlationId: randomUUID(),
      amountCents: amountCents(this.#payments.length),
      acceptedAtMs: clock.nowMs(),
    };
    this.#payments.push(payment);
    return payment;
  }

  /** Posts all payments once more; resolves with those about which the processor under test was called again. */
  async #postAgain(gateway: Gateway): Promise<string[]> {
    const callCount = this.#proxy.exchanges.length;
    for (const payment of [...this.#payments]) gateway.post(payment);
    await sleep(this.#parts.clock, QUIET_MS);
    const called = this.#proxy.exchanges.slice(callCount).filter(({ kind }) => kind !== 'health');
    return called.map(({ correlationId }) => correlationId);
  }

  /** Waits until all payments are final, for `mostMs` at most; whether they are. */
  async #untilFinal(gateway: Gateway, mostMs: number): Promise<boolean> {
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + mostMs;
    while (clock.monotonicMs() < endMs) {
      const entries = await Promise.all(
        this.#payments.map(({ correlationId }) => gateway.find(correlationId)),
      );
      if (entries.every((entry) => entry?.status === 'settled' || entry?.status === 'rejected')) return true;
      await sleep(clock, LOOK_AGAIN_MS);
    }
    return false;
  }

  /** Posts payments one after another, until one has gone to the processor under test, which is well again. */
  async #postLater(gateway: Gateway): Promise<void> {
    const { clock, times } = this.#parts;
    for (let count = 0; count < LATER_COUNT; count++) {
      const payment = this.#nextPayment();
      gateway.post(payment);
      await this.#untilFinal(gateway, times.holdMs * PATIENCE_HOLDS);
      if ((await gateway.find(payment.correlationId))?.processor === 0) return;
      await sleep(clock, times.timeoutMs / 2);
    }
  }

  async #judged(gateway: Gateway, payment: Payment, isLater: boolean): Promise<Judged> {
    const { correlationId } = payment;
    const held = await Promise.all(
      this.#parts.processors.map((processor) => this.#heldAt(processor, correlationId)),
    );
    const entry = await gateway.find(correlationId);
    const exchanges = this.#proxy.exchanges.filter((one) => one.correlationId === correlationId);
    return { payment, entry, held, exchanges, isLater };
  }

  async #heldAt(processor: HttpProcessor, correlationId: string): Promise<LookUpOutcome> {
    const { clock } = this.#parts;
    let found: LookUpOutcome = { kind: 'unknown', reason: 'not asked' };
    for (let look = 0; look < PENDING_LOOKS; look++) {
      found = await processor.find(correlationId, DIRECT_TIMEOUT_MS);
      if (found.kind !== 'pending' && found.kind !== 'unknown') break;
      await sleep(clock, LOOK_AGAIN_MS);
    }
    return found;
  }
}

/** Without a proxy between, nothing should take long. */
const DIRECT_TIMEOUT_MS = 5000;
