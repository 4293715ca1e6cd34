import assert from 'node:assert';
import { healthOf, lookUpOutcomeOf, payOutcomeOf } from '../../src/processor/answer.ts';
import type { Contract, ContractOptions, ContractRequest } from '../../src/processor/contract.ts';
import { rest } from '../../src/processor/contracts/rest.ts';
import { restAsync } from '../../src/processor/contracts/rest-async.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { Response } from '../../src/processor/http1/call.ts';
import type {
  Dispatch,
  Health,
  LookUpOutcome,
  PayOutcome,
  Processor,
} from '../../src/processor/processor.ts';
import { rest as restTwin } from '../../src/simulated/contracts/rest.ts';
import { restAsync as restAsyncTwin } from '../../src/simulated/contracts/rest-async.ts';
import { rinha as rinhaTwin } from '../../src/simulated/contracts/rinha.ts';
import { effectOf, isRefusal } from '../../src/simulated/fault.ts';
import { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { BAD_REQUEST, type Reply, statusLine } from '../../src/simulated/reply.ts';
import type { Audit } from './audit.ts';
import type { Request } from './manners.ts';
import { CALL_LIFE_MS, type ProcessorFault, type ProcessorPlan, type ProcessorSpell } from './plan.ts';
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

/** Both sides of each contract. */
const CONTRACTS = {
  rinha: { open: ({ authorization }: ContractOptions) => rinha(authorization), twin: rinhaTwin },
  rest: { open: rest, twin: restTwin },
  'rest-async': { open: restAsync, twin: restAsyncTwin },
};
/** Of those processors that call back about a payment, some do so before they have answered it. */
const EARLY_CALLBACK_RATE = 0.3;
const FAULT_RATE = 0.6;

export interface SimProcessorParts {
  readonly index: number;
  readonly plan: ProcessorPlan;
  /** How long the gateways keep a payment in doubt. */
  readonly inDoubtHoldMs: number;
  readonly timeline: Timeline;
  readonly scope: Scope;
  readonly random: Random;
  readonly audit: Audit;
  /** Called with the body of each callback. */
  readonly onCallback: (body: string) => void;
}

/** A processor with the behaviour of its contract's twin and injected faults. */
export class SimProcessor {
  readonly model: SimulatedProcessor;
  /** As gateways speak it. */
  readonly contract: Contract;
  readonly #parts: SimProcessorParts;
  readonly #random: Random;
  readonly #faults = new Map<object, ProcessorSpell>();
  /** When the first request about each payment was sent. */
  readonly #sentAtMs = new Map<string, number>();
  /** When it last refused a request of each instance as it would any. */
  readonly #unfitAtMs = new WeakMap<Scope, number>();
  /** Until when each instance has reason not to believe it. */
  readonly #unfitUntilMs = new WeakMap<Scope, number>();

  constructor(parts: SimProcessorParts) {
    const { index, plan, timeline, scope, random, audit, onCallback } = parts;
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
    this.#parts = parts;
    this.#random = random.fork('link');
    const { open, twin } = CONTRACTS[plan.contract];
    this.contract = open({ options: plan.options, authorization: '' });
    this.model = new SimulatedProcessor({
      clock,
      random: random.next,
      fee: { units: BigInt(5 * (index + 1)), scale: 2 },
      token: '123',
      contract: twin,
      notify: onCallback,
    });
    this.#configure();
  }

  begin(key: object, spell: ProcessorSpell): void {
    this.#faults.set(key, spell);
    this.#configure();
  }

  end(key: object): void {
    this.#faults.delete(key);
    this.#configure();
  }

  #configure(): void {
    const spells = [...this.#faults.values()];
    this.model.configureFailure(this.#has('failing'));
    this.model.configureDelay(this.#has('slow') ? SLOW_MS : 5);
    this.model.configureCharging({
      delayMs: this.#parts.plan.chargeDelayMs,
      declines: this.#has('declines'),
    });
    this.model.configureFault('none');
    for (const { how: kind, delayMs = HANG_MS, retryAfterS = 1 } of spells) {
      if (kind === 'failing' || kind === 'slow' || kind === 'declines' || kind === 'lagging') continue;
      const rate = CONSTANT.has(kind) ? 1 : FAULT_RATE;
      const isLate = kind === 'hang' || effectOf({ kind }).commits === 'later';
      this.model.configureFault({ kind, rate, count: null, delayMs: isLate ? delayMs : 0, retryAfterS });
    }
  }

  #has(how: ProcessorFault): boolean {
    return [...this.#faults.values()].some((spell) => spell.how === how);
  }

  // Requests, as the contract writes them.

  /** A request is on its way. */
  sent(correlationId: string): void {
    if (!this.#sentAtMs.has(correlationId)) this.#sentAtMs.set(correlationId, this.#parts.timeline.nowMs);
  }

  pay({ body = '' }: ContractRequest, respond: (reply: Reply) => void): void {
    const payment = this.model.contract.readPayment(Buffer.from(body));
    if (payment === null) {
      respond(BAD_REQUEST);
      return;
    }
    const { plan, audit, index, onCallback } = this.#parts;
    if (plan.contract === 'rest-async' && this.#random.chance(EARLY_CALLBACK_RATE)) {
      onCallback(JSON.stringify({ correlationId: payment.correlationId, status: 'succeeded' }));
    }
    this.model.pay(payment, respond);
    audit.lookAt(index);
  }

  find({ path }: ContractRequest, respond: (reply: Reply) => void): void {
    const correlationId = path.slice(path.lastIndexOf('/') + 1);
    this.model.find(correlationId, (reply) => {
      respond(this.#isHidden(correlationId) ? this.model.contract.find(UNKNOWN_ID) : reply);
    });
  }

  /** A look-up that lags behind finds every payment by the end of its call's life. */
  #isHidden(correlationId: string): boolean {
    if (!this.#has('lagging')) return false;
    const sentAtMs = this.#sentAtMs.get(correlationId) ?? Number.NEGATIVE_INFINITY;
    return this.#parts.timeline.nowMs < sentAtMs + this.#random.int(0, CALL_LIFE_MS);
  }

  /** Whether this instance has reason not to believe it. */
  isKnownUnfitTo(life: Scope): boolean {
    return life.monotonicMs() < (this.#unfitUntilMs.get(life) ?? 0);
  }

  /** An instance has heard that it refuses every request, or that it does not refuse this one. */
  toldUnfit(life: Scope, isUnfit: boolean): void {
    if (isUnfit) {
      this.#unfitAtMs.set(life, life.monotonicMs());
      this.#unfitUntilMs.set(life, Number.POSITIVE_INFINITY);
    } else if (this.isKnownUnfitTo(life)) {
      const unfitAtMs = this.#unfitAtMs.get(life) ?? 0;
      this.#unfitUntilMs.set(life, unfitAtMs + this.#parts.inDoubtHoldMs);
    }
  }
}

/** Faults that strike every request while they last. */
const CONSTANT: ReadonlySet<ProcessorFault> = new Set(['401', '402', '403', '404', '405']);
const UNKNOWN_ID = '00000000-0000-0000-0000-000000000000';

export interface ProcessorLinkParts {
  readonly target: SimProcessor;
  readonly instance: number;
  readonly processor: number;
  /** The instance's. */
  readonly life: Scope;
  /** The thread's. */
  readonly scope: Scope;
  readonly timeline: Timeline;
  readonly weather: Weather;
  readonly random: Random;
  readonly audit: Audit;
}

type Arrive = (respond: (reply: Reply) => void) => void;

/** A thread's link to one processor. Requests and answers may be late or lost. */
export class ProcessorLink implements Processor {
  readonly #parts: ProcessorLinkParts;
  #callCount = 0;
  /** A delivery that goes on at once, with a look-up or another try, keeps its slot, also if the limit has fallen meanwhile. */
  readonly #lastCalls = new Map<string, { readonly slotSinceMs: number; readonly endedAtMs: number }>();

  constructor(parts: ProcessorLinkParts) {
    this.#parts = parts;
  }

  get reportsHealth(): boolean {
    return this.#parts.target.contract.health !== undefined;
  }

  async pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome> {
    const { target, audit, processor, scope, life } = this.#parts;
    const { contract } = target;
    const { correlationId } = dispatch;
    void audit.sent(processor, dispatch);
    const chosenAtMs = audit.manners.requested(life, scope, processor, 'pay', correlationId);
    audit.limits.sent(life, processor, dispatch, chosenAtMs);
    target.sent(correlationId);
    const request = contract.pay(dispatch);
    const response = await this.#call(timeoutMs, 'pay', correlationId, chosenAtMs, (respond) =>
      target.pay(request, respond),
    );
    const outcome = payOutcomeOf(contract, response, dispatch, scope.nowMs());
    this.#heed('pay', outcome);
    if (TELLING.has(outcome.kind)) target.toldUnfit(life, outcome.kind === 'unfit');
    return outcome;
  }

  async find(correlationId: string, timeoutMs: number): Promise<LookUpOutcome> {
    const { target, scope, audit, processor, life } = this.#parts;
    const askedAtMs = audit.manners.requested(life, scope, processor, 'find', correlationId);
    const request = target.contract.find(correlationId);
    const response = await this.#call(timeoutMs, 'find', correlationId, askedAtMs, (respond) =>
      target.find(request, respond),
    );
    const outcome = lookUpOutcomeOf(target.contract, this.#truthful(response), correlationId, scope.nowMs());
    this.#heed('find', outcome);
    return outcome;
  }

  async health(timeoutMs: number): Promise<Health> {
    const { target, audit, processor, scope } = this.#parts;
    audit.healthCall(processor);
    const response = await this.#exchange(timeoutMs, (respond) => respond(target.model.health()));
    return healthOf(target.contract, response, scope.nowMs());
  }

  #heed(request: Request, { kind, retryAfterMs = 0 }: PayOutcome | LookUpOutcome): void {
    const { audit, processor, life } = this.#parts;
    audit.tell(`processor ${processor}`, `${request} means ${kind}, rest ${retryAfterMs}`);
    if (retryAfterMs > 0) audit.manners.restAsked(life, processor, request, retryAfterMs);
  }

  /**
   * A processor that answers 404 to everything lies about payments that it holds. No gateway can see through that before
   * a payment was answered like that, nor long after, so at other times it says 403.
   */
  #truthful(response: Response): Response {
    const { target, life } = this.#parts;
    const isLie = response.status === 404 && isRefusal(response.text());
    return isLie && !target.isKnownUnfitTo(life) ? { ...response, status: 403 } : response;
  }

  async close(): Promise<void> {}

  async #call(
    timeoutMs: number,
    request: Request,
    correlationId: string,
    chosenAtMs: number,
    arrive: Arrive,
  ): Promise<Response> {
    const { audit, instance, processor, life } = this.#parts;
    const last = this.#lastCalls.get(correlationId);
    const keepsSlot = last !== undefined && last.endedAtMs === this.#parts.timeline.nowMs;
    const slotSinceMs = keepsSlot ? last.slotSinceMs : chosenAtMs;
    audit.limits.began(life, processor, correlationId, slotSinceMs, ++this.#callCount);
    const response = await this.#exchange(timeoutMs, arrive);
    this.#callCount--;
    this.#lastCalls.set(correlationId, { slotSinceMs, endedAtMs: this.#parts.timeline.nowMs });
    const { sent, status, cut } = response;
    audit.tell(
      `instance ${instance}`,
      `processor ${processor}: ${request} ${correlationId} -> ${sent} ${status} ${cut}`,
    );
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

/** Outcomes of payments that tell whether the processor refuses every request. */
const TELLING: ReadonlySet<PayOutcome['kind']> = new Set([
  'committed',
  'pending',
  'duplicate',
  'rejected',
  'failed',
  'unfit',
]);

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
        header: (name) => (name === 'content-type' && isJson(reply) ? 'application/json' : ''),
        text: () => reply.body ?? '',
      };
  }
}

/** As `src/simulated/server.ts` sends it. */
function isJson({ body, retryAfterS }: Extract<Reply, { kind: 'answer' }>): boolean {
  return body !== null && retryAfterS === null;
}
