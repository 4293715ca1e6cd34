import { isDeepStrictEqual } from 'node:util';
import { isSameProcessor } from '../config/credentials.ts';
import { contractLabel, type ProcessorTarget } from '../config/processor-target.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { centsToDecimal } from '../core/money.ts';
import { type CallBounds, PROCESSORS_MAX, termsInForce } from '../core/terms.ts';
import type { Ledger } from '../ledger/ledger.ts';
import {
  addedBeyond,
  changed,
  changeEvents,
  type ProcessorChange,
  type ProcessorControls,
  type ProcessorDefinition,
  useOf,
} from '../ledger/processor-controls.ts';
import type { SharedState } from '../shared-memory/state.ts';
import type { Definitions } from './definitions.ts';
import { type Exchange, FRESH_JSON_HEADERS } from './exchange.ts';
import { type OperatorGuard, receiveChange, signature } from './operator-change.ts';
import { type Problem, problem } from './problem.ts';
import { invalidAddition, readAddition, readChange } from './processor-changes.ts';
import { unknownParameter } from './query.ts';
import { guardedRoute, refuse } from './route.ts';
import { shownFee, shownLimits } from './shown-terms.ts';
import type { HttpRequest, WebApp } from './uws.ts';

export interface ProcessorRoutesParts {
  readonly app: WebApp;
  /** The processors of the settings. */
  readonly processors: readonly ProcessorTarget[];
  readonly definitions: Pick<Definitions, 'describe' | 'check'>;
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
 * Lists processors with what operators have decided about them, changes that, and adds others. It holds at every instance
 * within a second, because each of them looks at the ledger (`src/pool/controls-watch.ts`).
 *
 * | answer                    | when                                                                       |
 * |---------------------------|----------------------------------------------------------------------------|
 * | 200                       | here they are; or the change holds, now or from an earlier request         |
 * | 201                       | the processor is added, perhaps again after it was removed                 |
 * | 400 `malformed-json`      | the body is not a JSON object                                              |
 * | 403 `other-origin`        | the change comes from a page of another origin                             |
 * | 404 `no-such-processor`   | neither the settings of this instance nor operators name it                |
 * | 409 `processor-exists`    | another processor has this name                                            |
 * | 409 `too-many-processors` | there are as many as there may be                                          |
 * | 409 `last-processor`      | no other processor is in use                                               |
 * | 412 `processors-changed`  | `If-Match` names another version than the current one                      |
 * | 422 `change-not-valid`    | a member is missing, unknown or invalid, `minAmount` exceeds `maxAmount`, or |
 * |                           | this instance cannot use the processor that is to be added                 |
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
    const add = (exchange: Exchange, request: HttpRequest) => this.#receiveAddition(exchange, request, guard);
    guardedRoute(app, path, guard, add, 'POST');
    const change = (exchange: Exchange, request: HttpRequest) => this.#receive(exchange, request, guard);
    guardedRoute(app, `${path}/:name`, guard, change, 'PATCH');
  }

  async #list(exchange: Exchange, query: string): Promise<void> {
    const unknown = unknownParameter(query, []);
    if (unknown !== null) return refuse(exchange, unknown);
    const { ledger } = this.#parts;
    const [controls, open] = await Promise.all([ledger.processorControls(), ledger.openPayments()]);
    if (controls.kind === 'unavailable' || open.kind === 'unavailable')
      return refuse(exchange, problem('ledger-unavailable'));
    const openCounts = new Map(open.value.map(({ name, count }) => [name, count]));
    const targets = await this.#targets(controls.value);
    const shown = targets.map((target) => ({
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
    const name = request.getParameter(0) ?? '';
    const ifMatch = request.getHeader('if-match');
    receiveChange(exchange, request, guard, BODY_LIMIT_BYTES, (body, keyName) => {
      const reading = readChange(body);
      if (reading.kind === 'refused') return refuse(exchange, reading.problem);
      const change = { ...reading.change, by: signature(keyName, reading.change.by) };
      void this.#change(exchange, ifMatch, async (controls) => {
        const targets = await this.#targets(controls);
        const target = targets.find((each) => each.name === name);
        if (target === undefined) return problem('no-such-processor');
        if (change.isRemoved === true && !hasOtherInUse(targets, name, controls))
          return problem('last-processor');
        return { target, change };
      });
    });
  }

  #receiveAddition(exchange: Exchange, request: HttpRequest, guard: OperatorGuard): void {
    const ifMatch = request.getHeader('if-match');
    receiveChange(exchange, request, guard, BODY_LIMIT_BYTES, (body, keyName) => {
      const reading = readAddition(body);
      if (reading.kind === 'refused') return refuse(exchange, reading.problem);
      const { definition, by, why } = reading;
      const signed = { by: signature(keyName, by), why };
      void this.#change(exchange, ifMatch, (controls) => this.#addition(definition, signed, controls));
    });
  }

  /** What is to change, so that there is this processor; or why there cannot be. */
  async #addition(
    definition: ProcessorDefinition,
    signed: Pick<ProcessorChange, 'by' | 'why'>,
    controls: ProcessorControls,
  ): Promise<Intention | Problem> {
    const { processors, definitions, bounds } = this.#parts;
    const checked = await definitions.check(definition);
    if (checked.kind === 'wrong') return invalidAddition(checked.problems);
    const { target } = checked;
    const targets = await this.#targets(controls);
    const known = targets.find(({ name }) => name === target.name);
    if (known === undefined && targets.length >= PROCESSORS_MAX) return problem('too-many-processors');
    if (known !== undefined && !isSameProcessor(known, target, bounds.callsMax))
      return problem('processor-exists');
    if (known !== undefined && processors.includes(known))
      return { target: known, change: { isRemoved: false, ...signed } };
    const former = controls.processors[target.name]?.definition;
    // One that this instance cannot read is compared as it is.
    const compared = known === undefined ? allOf : secretNames;
    if (former !== undefined && !isDeepStrictEqual(compared(former), compared(definition)))
      return problem('processor-exists');
    return { target: known ?? target, change: { definition, isRemoved: false, ...signed } };
  }

  /** The processors of the settings, and then those that operators have added, removed ones included. */
  async #targets(controls: ProcessorControls): Promise<readonly ProcessorTarget[]> {
    const { processors: configured, definitions } = this.#parts;
    const added = addedBeyond(configured, controls).map(({ definition }) => definitions.describe(definition));
    return [...configured, ...(await Promise.all(added)).filter((target) => target !== null)];
  }

  /** Changes what `intend` makes of the controls as they are, unless that is a reason why not. */
  async #change(
    exchange: Exchange,
    ifMatch: string,
    intend: (controls: ProcessorControls) => Promise<Intention | Problem>,
  ): Promise<void> {
    const { ledger, clock, log } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const before = await ledger.processorControls();
      if (before.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
      const intention = await intend(before.value);
      if ('slug' in intention) return refuse(exchange, intention);
      const { target, change } = intention;
      const next = changed(before.value, target.name, change, clock.nowMs());
      // What was asked for holds already, perhaps by the same request before.
      if (next === null) return this.#answer(exchange, '200 OK', target, before.value);
      if (!matches(ifMatch, before.value)) return refuseStale(exchange, before.value);
      const contradiction = change.limits === undefined ? null : this.#contradiction(target, next);
      if (contradiction !== null) return refuse(exchange, contradiction);
      const set = await ledger.setProcessorControls(next, changeEvents(before.value, next, target.name));
      if (set.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
      if (!set.value) continue;
      const { definition, ...asked } = change;
      const added =
        definition === undefined ? {} : { url: target.url, contract: contractLabel(target.contract) };
      const said = { processor: target.name, ...added, ...asked, version: next.version };
      log.warn(said, 'processor controls changed');
      return this.#answer(exchange, definition === undefined ? '200 OK' : '201 Created', target, next);
    }
    refuse(exchange, problem('processors-changed'));
  }

  #answer(exchange: Exchange, status: string, target: ProcessorTarget, controls: ProcessorControls): void {
    const body = JSON.stringify({ version: controls.version, ...this.#shown(target, controls) });
    exchange.end(status, headersOf(controls), body);
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
      removed: control?.isRemoved ?? false,
      added: !this.#parts.processors.includes(target),
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

/** A change to a processor. */
interface Intention {
  readonly target: ProcessorTarget;
  readonly change: ProcessorChange;
}

function allOf(definition: ProcessorDefinition): readonly unknown[] {
  return [definition];
}

/** What a definition says of secrets. */
function secretNames({ credentials, adminToken }: ProcessorDefinition): readonly unknown[] {
  return [credentials, adminToken];
}

function hasOtherInUse(
  targets: readonly ProcessorTarget[],
  except: string,
  { processors }: ProcessorControls,
): boolean {
  return targets.some(({ name }) => name !== except && useOf(processors[name]) === 'in-use');
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
