import assert from 'node:assert';
import { healthOf, lookUpOutcomeOf, payOutcomeOf } from '../../src/processor/answer.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { Response } from '../../src/processor/http1/call.ts';
import type {
  Dispatch,
  Health,
  LookUpOutcome,
  PayOutcome,
  Processor,
} from '../../src/processor/processor.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { type Reply, statusLine } from '../../src/simulated/reply.ts';
import type { Audit } from './audit.ts';
import { CALL_LIFE_MS, type ProcessorFault } from './plan.ts';
import type { Random } from './random.ts';
import type { Scope } from './scope.ts';
import type { Timeline } from './timeline.ts';
import type { Weather } from './weather.ts';

/** The longest network delay, injected delay and hang. */
const LATE_MS = 1000;
const SLOW_MS = 1500;
const HANG_MS = 3500;
/** How late an answer may be. It is not part of a call's life, because the payment has been charged by then, or not. */
const LATE_ANSWER_MS = 4500;
assert.ok(LATE_MS + SLOW_MS + HANG_MS <= CALL_LIFE_MS);

const CONTRACT = rinha('');

/** A processor with the official behaviour and injected faults. */
export class SimProcessor {
  readonly model: SimulatedProcessor;
  readonly #faults = new Map<object, ProcessorFault>();

  constructor(index: number, timeline: Timeline, scope: Scope, random: Random, audit: Audit) {
    const clock = {
      nowMs: () => scope.nowMs(),
      monotonicMs: () => scope.monotonicMs(),
      stopwatchMs: () => scope.stopwatchMs(),
      after: (delayMs: number, run: () => void) =>
        timeline.after(delayMs, () => {
          run();
          audit.lookAt(index);
        }),
    };
    this.model = new SimulatedProcessor({
      clock,
      random: random.next,
      fee: { units: BigInt(5 * (index + 1)), scale: 2 },
      token: '123',
    });
  }

  begin(key: object, fault: ProcessorFault): void {
    this.#faults.set(key, fault);
    this.#configure();
  }

  end(key: object): void {
    this.#faults.delete(key);
    this.#configure();
  }

  #configure(): void {
    const faults = [...this.#faults.values()];
    this.model.configureFailure(faults.includes('failing'));
    this.model.configureDelay(faults.includes('slow') ? SLOW_MS : 5);
    this.model.configureFault('none');
    for (const kind of faults) {
      if (kind === 'failing' || kind === 'slow') continue;
      this.model.configureFault({ kind, rate: 0.6, count: null, delayMs: kind === 'hang' ? HANG_MS : 0 });
    }
  }
}

export interface ProcessorLinkParts {
  readonly target: SimProcessor;
  readonly instance: number;
  readonly processor: number;
  readonly scope: Scope;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly random: Random;
  readonly audit: Audit;
  readonly callLimit: number;
}

type Arrive = (respond: (reply: Reply) => void) => void;

/** A thread's link to one processor. Requests and answers may be late or lost. */
export class ProcessorLink implements Processor {
  readonly reportsHealth = true;
  readonly #parts: ProcessorLinkParts;
  #callCount = 0;

  constructor(parts: ProcessorLinkParts) {
    this.#parts = parts;
  }

  async pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome> {
    const { target, audit, processor, scope } = this.#parts;
    const { correlationId, amountCents, requestedAtMs } = dispatch;
    void audit.sent(processor, dispatch);
    const response = await this.#call(timeoutMs, `pay ${correlationId}`, (respond) => {
      target.model.pay({ correlationId, amountCents, requestedAtMs }, respond);
      audit.lookAt(processor);
    });
    return payOutcomeOf(CONTRACT, response, dispatch, scope.nowMs());
  }

  async find(correlationId: string, timeoutMs: number): Promise<LookUpOutcome> {
    const { target, scope } = this.#parts;
    const response = await this.#call(timeoutMs, `find ${correlationId}`, (respond) => {
      target.model.find(correlationId, respond);
    });
    return lookUpOutcomeOf(CONTRACT, response, correlationId, scope.nowMs());
  }

  async health(timeoutMs: number): Promise<Health> {
    const { target, audit, processor, scope } = this.#parts;
    audit.healthCall(processor);
    const response = await this.#exchange(timeoutMs, (respond) => respond(target.model.health()));
    return healthOf(CONTRACT, response, scope.nowMs());
  }

  async close(): Promise<void> {}

  async #call(timeoutMs: number, what: string, arrive: Arrive): Promise<Response> {
    const { audit, callLimit, instance, processor } = this.#parts;
    if (++this.#callCount > callLimit) audit.broken(`more than ${callLimit} calls at once`, null);
    const response = await this.#exchange(timeoutMs, arrive);
    this.#callCount--;
    const { sent, status, cut } = response;
    audit.tell(`instance ${instance}`, `processor ${processor}: ${what} -> ${sent} ${status} ${cut}`);
    return response;
  }

  #exchange(timeoutMs: number, arrive: Arrive): Promise<Response> {
    const { scope, weather, instance, processor, random, timeline } = this.#parts;
    return new Promise((resolve) => {
      if (!scope.touch()) return;
      const link = weather.link(instance, processor);
      const isCut = () => weather.link(instance, processor) === 'silent';
      if (link === 'refuses') {
        scope.after(1, () => resolve(cutOff(false, 'refused')));
        return;
      }
      scope.after(timeoutMs, () => resolve(cutOff(true, 'timeout')));
      if (isCut() || (link === 'flaky' && random.chance(0.2))) return;
      timeline.after(this.#delayMs(link), () => {
        arrive((reply) => {
          if (isCut() || (link === 'flaky' && random.chance(0.3))) return;
          timeline.after(this.#answerDelayMs(link), () => scope.deliver(() => resolve(responseOf(reply))));
        });
      });
    });
  }

  #delayMs(link: string): number {
    const { random } = this.#parts;
    return link === 'late' || link === 'late answers' ? random.int(0, LATE_MS) : random.int(0, 3);
  }

  #answerDelayMs(link: string): number {
    return link === 'late answers' ? this.#parts.random.int(0, LATE_ANSWER_MS) : this.#delayMs(link) / 2;
  }
}

function cutOff(sent: boolean, cut: string): Response {
  return { sent, status: 0, retryAfter: '', cut, isExhausted: false, header: () => '', text: () => '' };
}

function responseOf(reply: Reply): Response {
  switch (reply.kind) {
    case 'drop':
      return cutOff(true, 'closed');
    case 'garbage':
      return cutOff(true, 'not HTTP');
    case 'half':
      return { ...cutOff(true, 'closed'), status: 200, text: () => '{"message":"paym' };
    case 'answer':
      return {
        sent: true,
        status: Number(statusLine(reply.status).slice(0, 3)),
        retryAfter: reply.retryAfterS === null ? '' : String(reply.retryAfterS),
        cut: '',
        isExhausted: false,
        header: () => '',
        text: () => reply.body ?? '',
      };
  }
}
