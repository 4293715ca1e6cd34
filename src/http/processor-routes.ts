import { contractLabel, type ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { centsToDecimal } from '../core/money.ts';
import { type CallBounds, termsInForce } from '../core/terms.ts';
import type { Ledger } from '../ledger/ledger.ts';
import {
  changed,
  changeEvents,
  type ProcessorChange,
  type ProcessorControls,
} from '../ledger/processor-controls.ts';
import type { SharedState } from '../shared-memory/state.ts';
import { type OperatorGuard, receiveChange, signature } from './operator-change.ts';
import { type Problem, problem } from './problem.ts';
import { readChange } from './processor-changes.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import { shownFee, shownLimits } from './shown-terms.ts';
import { type Exchange, FRESH_JSON_HEADERS, type HttpRequest, type WebApp } from './uws.ts';

export interface ProcessorRoutesParts {
  readonly app: WebApp;
  readonly processors: readonly ProcessorTarget[];
  readonly bounds: CallBounds;
  readonly sharedState: Pick<SharedState, 'credentialsAtMs'>;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
}

const BODY_LIMIT_BYTES = 4096;
/** Changes by others between reading and writing are rare. */
const ATTEMPTS_MAX = 5;
const ETAG = /^"(\d{1,15})"$/;

/**
 * Lists processors with what operators have decided about them, and changes that. It holds at every instance within a
 * second, because each of them looks at the ledger (`src/pool/controls-watch.ts`).
 *
 * | answer                    | when                                                                       |
 * |---------------------------|----------------------------------------------------------------------------|
 * | 200                       | here they are; or the change holds, now or from an earlier request         |
 * | 400 `malformed-json`      | the body is not a JSON object                                              |
 * | 403 `other-origin`        | the change comes from a page of another origin                             |
 * | 404 `no-such-processor`   | this instance is not configured with it                                    |
 * | 412 `processors-changed`  | `If-Match` names another version than the current one                      |
 * | 422 `change-not-valid`    | a member is missing, unknown or invalid, or `minAmount` exceeds `maxAmount` |
 * | 503 `ledger-unavailable`  | the ledger does not answer; a change may have been made, and may be repeated |
 */
export class ProcessorRoutes {
  readonly #parts: ProcessorRoutesParts;

  constructor(parts: ProcessorRoutesParts) {
    this.#parts = parts;
  }

  /** Serves them below `path`, to those whom the guard lets pass. */
  serve(path: string, guard: OperatorGuard): void {
    const { app } = this.#parts;
    const list = (exchange: Exchange, request: HttpRequest) => this.#list(exchange, request.getQuery());
    guardedRoute(app, path, guard, list);
    const change = (exchange: Exchange, request: HttpRequest) => this.#receive(exchange, request, guard);
    guardedRoute(app, `${path}/:name`, guard, change, 'PATCH');
  }

  async #list(exchange: Exchange, query: string): Promise<void> {
    const unknown = unknownParameter(query, []);
    if (unknown !== null) return refuse(exchange, unknown);
    const { ledger, processors } = this.#parts;
    const [controls, open] = await Promise.all([ledger.processorControls(), ledger.openPayments()]);
    if (controls.kind === 'unavailable' || open.kind === 'unavailable')
      return refuse(exchange, problem('ledger-unavailable'));
    const openCounts = new Map(open.value.map(({ name, count }) => [name, count]));
    const shown = processors.map((target) => ({
      ...this.#shown(target, controls.value),
      contract: contractLabel(target.contract),
      open: openCounts.get(target.name) ?? 0,
    }));
    const { credentialsAtMs } = this.#parts.sharedState;
    const credentialsReadAt = credentialsAtMs === 0 ? null : new Date(credentialsAtMs).toISOString();
    const body = JSON.stringify({ version: controls.value.version, credentialsReadAt, processors: shown });
    exchange.end('200 OK', headersOf(controls.value), body);
  }

  #receive(exchange: Exchange, request: HttpRequest, guard: OperatorGuard): void {
    const parameter = request.getParameter(0) ?? '';
    const target = this.#parts.processors.find(({ name }) => name === parameter);
    const ifMatch = request.getHeader('if-match');
    receiveChange(exchange, request, guard, BODY_LIMIT_BYTES, (body, keyName) => {
      if (target === undefined) return refuse(exchange, problem('no-such-processor'));
      const reading = readChange(body);
      if (reading.kind === 'refused') return refuse(exchange, reading.problem);
      const by = signature(keyName, reading.change.by);
      void this.#change(exchange, target, { ...reading.change, by }, ifMatch);
    });
  }

  async #change(
    exchange: Exchange,
    target: ProcessorTarget,
    change: ProcessorChange,
    ifMatch: string,
  ): Promise<void> {
    const { ledger, clock, log } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const before = await ledger.processorControls();
      if (before.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
      const next = changed(before.value, target.name, change, clock.nowMs());
      // What was asked for holds already, perhaps by the same request before.
      if (next === null) return this.#answer(exchange, target, before.value);
      if (!matches(ifMatch, before.value)) return refuseStale(exchange, before.value);
      const contradiction = change.limits === undefined ? null : this.#contradiction(target, next);
      if (contradiction !== null) return refuse(exchange, contradiction);
      const set = await ledger.setProcessorControls(next, changeEvents(before.value, next, target.name));
      if (set.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
      if (!set.value) continue;
      log.warn({ processor: target.name, ...change, version: next.version }, 'processor controls changed');
      return this.#answer(exchange, target, next);
    }
    refuse(exchange, problem('processors-changed'));
  }

  #answer(exchange: Exchange, target: ProcessorTarget, controls: ProcessorControls): void {
    const body = JSON.stringify({ version: controls.version, ...this.#shown(target, controls) });
    exchange.end('200 OK', headersOf(controls), body);
  }

  /** Limits that are valid alone but not together, one of them perhaps as configured here. */
  #contradiction(target: ProcessorTarget, { processors }: ProcessorControls): Problem | null {
    const terms = termsInForce(target, processors[target.name], this.#parts.bounds);
    if (terms.minAmountCents <= terms.maxAmountCents) return null;
    const [min, max] = [centsToDecimal(terms.minAmountCents), centsToDecimal(terms.maxAmountCents)];
    const detail = `\`minAmount\` would be ${min}, and \`maxAmount\` ${max}: expected \`minAmount\` to be at most \`maxAmount\`.`;
    return problem('change-not-valid', { field: 'limits', detail });
  }

  #shown(target: ProcessorTarget, { processors }: ProcessorControls) {
    const { name } = target;
    const control = processors[name];
    const terms = termsInForce(target, control, this.#parts.bounds);
    const configured = termsInForce(target, undefined, this.#parts.bounds);
    return {
      name,
      paused: control?.isPaused ?? false,
      fee: shownFee(terms),
      configuredFee: shownFee(configured),
      limits: shownLimits(terms),
      configuredLimits: shownLimits(configured),
      changedAt: control === undefined ? null : new Date(control.changedAtMs).toISOString(),
      by: control?.by ?? '',
      why: control?.why ?? '',
    };
  }
}

function refuseStale(exchange: Exchange, { version }: ProcessorControls): void {
  const detail = `The processors have been changed: their version is ${version} now. Read them again, and decide again.`;
  refuse(exchange, problem('processors-changed', { detail }));
}

function matches(ifMatch: string, { version }: ProcessorControls): boolean {
  return ifMatch === '' || ifMatch === '*' || ETAG.exec(ifMatch)?.[1] === String(version);
}

function headersOf({ version }: ProcessorControls) {
  return [...FRESH_JSON_HEADERS, ['ETag', `"${version}"`]] as const;
}
