import type { Clock } from '../core/clock.ts';
import { Books, type Row } from './books.ts';
import type { Charging, ServedContract, ServedContractFactory } from './contract.ts';
import { rinha } from './contracts/rinha.ts';
import { type Decimal, formatDecimal } from './decimal.ts';
import { effectOf, type Fault, Faults, type Struck } from './fault.ts';
import { Gate } from './gate.ts';
import { answer, FAILED, later, NOT_FOUND, type Reply } from './reply.ts';

/** Calls of `POST /payments` and `GET /payments/{id}`, together, that run at once, and that wait in the queue. */
const RUNNING_LIMIT = 800;
const WAITING_LIMIT = 500;

/** One health call is allowed per this many seconds, over all callers. Also the `Retry-After` of every 429. */
const HEALTH_WINDOW_S = 5;

const HEALTH_CALLS_KEPT = 1000;

/** How long a payment that was accepted first waits for its charge. */
const CHARGE_DELAY_MS = 1000;

const TOO_MANY = later(429, HEALTH_WINDOW_S);

export interface SimulatedProcessorParts {
  readonly clock: Clock;
  /** Numbers from 0 to 1, exclusive; used only by faults with a rate. */
  readonly random: () => number;
  readonly fee: Decimal;
  readonly token: string;
  /** Default: empty books in memory. */
  readonly books?: Books;
  /** Default: the contest's. */
  readonly contract?: ServedContractFactory;
  /** Sends a callback with this body. Default: none is sent. */
  readonly notify?: (body: string) => void;
}

export interface Condition {
  readonly delayMs: number;
  readonly failing: boolean;
  readonly faults: readonly string[];
}

/** Receives the reply to a call, once, possibly before the call returns. */
type Respond = (reply: Reply) => void;

/** Tells the processor that its caller has disconnected. */
type HangUp = () => void;

/**
 * A simulated processor without sockets: state and rules. They are those of the contest's official processor; what it
 * does with a payment that got through, and its words, are its contract's.
 *
 * A payment waits for its turn (at most 800 run, 500 wait, others get 429), sleeps the injected delay, fails if
 * configured to, and is inserted. A caller that disconnects loses its place in the queue; a running call continues.
 *
 * Where the official source and the published rules differ, this follows the rules: a health call over the limit is
 * answered 429 at once, while the source lets two of them wait for the next window.
 */
export class SimulatedProcessor {
  readonly contract: ServedContract;
  readonly #clock: Clock;
  readonly #fee: Decimal;
  readonly #books: Books;
  readonly #gate = new Gate(RUNNING_LIMIT, WAITING_LIMIT);
  readonly #faults: Faults;
  readonly #healthCalls: HealthCall[] = [];
  readonly #charging: Charging = { delayMs: CHARGE_DELAY_MS, declines: false };
  #nextHealthAtMs = -Infinity;
  #token: string;
  #delayMs = 0;
  #failing = false;

  constructor({
    clock,
    random,
    fee,
    token,
    books = new Books(),
    contract = rinha,
    notify = () => {},
  }: SimulatedProcessorParts) {
    this.contract = contract({ books, clock, charging: this.#charging, notify });
    this.#clock = clock;
    this.#fee = fee;
    this.#token = token;
    this.#books = books;
    this.#faults = new Faults(random);
  }

  /** `POST /payments`. */
  pay(payment: Row, respond: Respond): HangUp {
    return this.#admit(respond, (finish) => {
      this.#after(this.#delayMs, () => {
        if (this.#failing) return finish(FAILED);
        const fault = this.#faults.draw('payments');
        if (fault === null) finish(this.contract.take(payment));
        else this.#strike(fault, payment, finish);
      });
    });
  }

  /** `GET /payments/{id}`; the id must be in lower case. */
  find(correlationId: string, respond: Respond): HangUp {
    return this.#admit(respond, (finish) => {
      finish(this.#refusal('look-ups') ?? this.contract.find(correlationId));
    });
  }

  /** Asked at the health path of the contract. */
  health(): Reply {
    const nowMs = this.#clock.monotonicMs();
    const isLimited = nowMs < this.#nextHealthAtMs;
    if (this.#healthCalls.length === HEALTH_CALLS_KEPT) this.#healthCalls.shift();
    this.#healthCalls.push({ receivedAtMs: this.#clock.nowMs(), limited: isLimited });
    if (isLimited) return TOO_MANY;
    this.#nextHealthAtMs = nowMs + HEALTH_WINDOW_S * 1000;
    return this.#refusal('health') ?? this.contract.health(this.#failing, this.#delayMs);
  }

  authorizes(token: string): boolean {
    return token === this.#token;
  }

  /** `GET /admin/payments-summary`: both bounds are inclusive; if either is missing, sums everything. */
  summary(fromMs: number | null, toMs: number | null): Reply {
    const hasBoth = fromMs !== null && toMs !== null;
    const { count, amountCents } = hasBoth
      ? this.#books.sum(fromMs, toMs)
      : this.#books.sum(-Infinity, Infinity);
    const totalAmount = formatDecimal({ units: amountCents, scale: 2 });
    const totalFee = formatDecimal({ units: amountCents * this.#fee.units, scale: 2 + this.#fee.scale });
    const fee = formatDecimal(this.#fee);
    return answer(
      200,
      `{"totalAmount":${totalAmount},"totalRequests":${count},"totalFee":${totalFee},"feePerTransaction":${fee}}`,
    );
  }

  configureToken(token: string): Reply {
    this.#token = token;
    return answer(204);
  }

  /** Applies to new payments; those that are sleeping already keep their delay. */
  configureDelay(delayMs: number): Reply {
    const was = this.#delayMs;
    this.#delayMs = delayMs;
    return answer(200, JSON.stringify({ config: 'delay', was, is: delayMs }));
  }

  /** Applies to every payment that has not finished its delay yet. */
  configureFailure(failing: boolean): Reply {
    const was = this.#failing;
    this.#failing = failing;
    return answer(200, JSON.stringify({ config: 'failure', was, is: failing }));
  }

  /** Not in the official contract: how payments are charged that were accepted first. */
  configureCharging(charging: Charging): Reply {
    Object.assign(this.#charging, charging);
    return answer(200, JSON.stringify(charging));
  }

  purge(): Reply {
    if (!this.#books.clear()) return FAILED;
    this.contract.purged();
    return answer(200, '{"message":"All payments purged."}');
  }

  /** Not in the official contract: adds a fault, or clears all. */
  configureFault(fault: Fault | 'none'): Reply {
    if (fault === 'none') this.#faults.clear();
    else this.#faults.set(fault);
    return answer(200, JSON.stringify({ faults: this.#faults.list() }));
  }

  /** The current configuration. */
  condition(): Condition {
    const faults = this.#faults.list().map(({ kind }) => kind);
    return { delayMs: this.#delayMs, failing: this.#failing, faults };
  }

  /** Not in the official contract: payments in insertion order, for audits by tests. */
  list(offset: number, limit: number): Reply {
    const payments = this.#books.page(offset, limit);
    return answer(200, JSON.stringify({ total: this.#books.count, payments }));
  }

  /** Not in the official contract: the latest health calls, oldest first. */
  healthCalls(): Reply {
    return answer(200, JSON.stringify(this.#healthCalls));
  }

  #admit(respond: Respond, run: (finish: Respond) => void): HangUp {
    const call = () =>
      run((reply) => {
        respond(reply);
        this.#gate.leave();
      });
    if (!this.#gate.enter(call)) respond(TOO_MANY);
    return () => this.#gate.giveUp(call);
  }

  /** Runs at once without a delay: a timer would cost more than the rest of a payment. */
  #after(delayMs: number, run: () => void): void {
    if (delayMs > 0) this.#clock.after(delayMs, run);
    else run();
  }

  #strike(fault: Fault, payment: Row, finish: Respond): void {
    const { commits, reply } = effectOf(fault);
    const said = reply(fault.retryAfterS);
    if (commits === 'later') {
      finish(said ?? NOT_FOUND);
      this.#after(fault.delayMs, () => this.contract.take(payment));
      return;
    }
    this.#after(fault.delayMs, () => {
      const inserted = commits === 'first' ? this.contract.take(payment) : NOT_FOUND;
      finish(said ?? inserted);
    });
  }

  /** The answer of a fault that strikes a request which commits nothing; null: none strikes it. */
  #refusal(struck: Struck): Reply | null {
    const fault = this.#faults.draw(struck);
    return fault === null ? null : effectOf(fault).reply(fault.retryAfterS);
  }
}

interface HealthCall {
  readonly receivedAtMs: number;
  readonly limited: boolean;
}
