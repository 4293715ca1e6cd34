import assert from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, LATE, within } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Terms } from '../core/terms.ts';
import type { Ledger } from '../ledger/ledger.ts';
import {
  addedBeyond,
  type ProcessorControls,
  type ProcessorDefinition,
} from '../ledger/processor-controls.ts';
import type { DefinitionTable } from '../shared-memory/definition-table.ts';
import type { ThreadMetrics } from '../shared-memory/metrics-table.ts';
import type { SharedState } from '../shared-memory/state.ts';

export type NamedTerms = Terms & { readonly name: string };

/** A processor that this instance can use, or why it cannot. */
export type Opened<Target> =
  | { readonly kind: 'ok'; readonly target: Target }
  | { readonly kind: 'failed'; readonly problem: string };

export interface AddedProcessorsParts {
  /** The processors of the settings. */
  readonly configured: readonly NamedTerms[];
  readonly rowCount: number;
  readonly open: (definition: ProcessorDefinition) => Promise<Opened<NamedTerms>>;
  readonly ledger: Pick<Ledger, 'openPayments'>;
  readonly table: DefinitionTable;
  readonly sharedState: Pick<SharedState, 'processorCount' | 'terms'>;
  readonly metrics: ThreadMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Nothing is sent before all have been tried, so one whose module never loads must not hold up the others. */
const OPEN_MAX_MS = 5000;

/**
 * The processors of an instance, in the order of its shared state: those of its settings, and those that operators have
 * added and that this instance can open. One that it cannot open is reported, and tried again; others go on without it.
 * The list only grows while the instance lives, because threads number processors by their places in it.
 */
export class AddedProcessors {
  readonly #parts: AddedProcessorsParts;
  readonly #targets: NamedTerms[];
  #problems: Readonly<Record<string, string>> = {};
  readonly #late = new Set<string>();

  constructor(parts: AddedProcessorsParts) {
    this.#parts = parts;
    this.#targets = [...parts.configured];
  }

  /** With the terms of their definitions. */
  get targets(): readonly NamedTerms[] {
    return this.#targets;
  }

  /** Some cannot be opened now. */
  get hasProblems(): boolean {
    return Object.keys(this.#problems).length > 0;
  }

  /** Adds those that these controls define and that are new. The shared state is to be told of them next. */
  async learn(controls: ProcessorControls): Promise<void> {
    await this.#recall();
    const problems: Record<string, string> = {};
    for (const { name, definition, isRemoved } of addedBeyond(this.#targets, controls)) {
      if (isRemoved && !(await this.#hasOpenPayments(name))) continue;
      const opened = await this.#open(definition);
      if (opened.kind === 'failed') problems[name] = opened.problem;
      else this.#add(opened.target, definition);
    }
    this.#report(problems);
  }

  /** What a thread that died has added. Its places are taken, even if something cannot be opened any more. */
  async #recall(): Promise<void> {
    const { configured, table, sharedState, open } = this.#parts;
    for (let processor = this.#targets.length; processor < sharedState.processorCount; processor++) {
      const definition = JSON.parse(table.get(processor - configured.length));
      const opened = await open(definition);
      const terms = opened.kind === 'ok' ? opened.target : sharedState.terms(processor);
      assert.ok(terms !== null);
      this.#targets.push({ ...terms, name: definition.name });
    }
  }

  /** What is in doubt at a processor that was removed must still be asked for. */
  async #hasOpenPayments(name: string): Promise<boolean> {
    const open = await this.#parts.ledger.openPayments();
    return open.kind === 'unavailable' || open.value.some((payments) => payments.name === name);
  }

  async #open(definition: ProcessorDefinition): Promise<Opened<NamedTerms>> {
    const { rowCount, open, clock } = this.#parts;
    if (this.#targets.length >= rowCount) {
      const problem = `this gateway has had ${rowCount} processors since it started, which is the limit: restart it to make room`;
      return { kind: 'failed', problem };
    }
    const name = String(definition['name']);
    const opened = this.#late.has(name) ? LATE : await within(clock, OPEN_MAX_MS, open(definition));
    if (opened !== LATE) return opened;
    // A module is loaded once, so that another try would wait for the same.
    this.#late.add(name);
    const problem = `its contract has not loaded within ${OPEN_MAX_MS / 1000} s: correct it, and restart this gateway`;
    return { kind: 'failed', problem };
  }

  #add(target: NamedTerms, definition: ProcessorDefinition): void {
    const { configured, table, log } = this.#parts;
    table.set(this.#targets.length - configured.length, JSON.stringify(definition));
    this.#targets.push(target);
    log.warn({ processor: target.name }, 'processor added');
  }

  #report(problems: Readonly<Record<string, string>>): void {
    const { metrics, log } = this.#parts;
    metrics.set('processorsNotOpened', Object.keys(problems).length);
    if (isDeepStrictEqual(problems, this.#problems)) return;
    this.#problems = problems;
    if (this.hasProblems) log.error({ problems }, NOT_OPENED);
    else log.info({}, 'every processor that operators have added can be opened');
  }
}

const NOT_OPENED =
  'processors that operators have added cannot be opened here: other instances may use them, this one does not';
