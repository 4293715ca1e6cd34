import type { Fee } from '../core/fee.ts';
import type { ChangedLimits, Limits, TermChanges } from '../core/terms.ts';
import type { Use } from '../shared-memory/state.ts';
import type { ProcessorEvent } from './outbox.ts';

/**
 * What operators have decided about the processors while the deployment runs. The processors file is the beginning: a
 * processor that is not named here is as the file has it.
 *
 * The ledger keeps it as one small record, so that it holds at every instance and survives restarts. A purge leaves it.
 */
export interface ProcessorControls {
  /** Rises with each change, so that one who has not seen the latest does not overwrite it; 0: nothing was ever changed. */
  readonly version: number;
  /** By name. */
  readonly processors: Readonly<Record<string, ProcessorControl>>;
}

/** A processor that operators have added: an entry of the processors file, as plain data. It holds no secrets. */
export type ProcessorDefinition = Readonly<Record<string, unknown>>;

export interface ProcessorControl extends TermChanges {
  /** Absent: only the settings say what it is. They go before this where they name it, too. */
  readonly definition?: ProcessorDefinition;
  /** True: it gets no payment requests any more, whatever the settings say. What is in doubt there is still asked for. */
  readonly isRemoved?: boolean;
  /** It gets no payment requests. What is in doubt there is still asked for. */
  readonly isPaused: boolean;
  /** When this was last changed, UTC. */
  readonly changedAtMs: number;
  /** Who changed it (an API key, and a name that the client gave) and why. */
  readonly by: string;
  readonly why: string;
}

/** Whether a processor gets payments, as operators have decided. */
export function useOf(control: ProcessorControl | undefined): Use {
  if (control?.isRemoved === true) return 'removed';
  return control?.isPaused === true ? 'paused' : 'in-use';
}

/** A processor that operators have added, and perhaps removed since. */
export interface AddedProcessor {
  readonly name: string;
  readonly definition: ProcessorDefinition;
  readonly isRemoved: boolean;
}

/** Those that operators have added, without those that are `known` by their names. */
export function addedBeyond(
  known: readonly { readonly name: string }[],
  { processors }: ProcessorControls,
): readonly AddedProcessor[] {
  return Object.entries(processors).flatMap(([name, { definition, isRemoved = false }]) =>
    definition === undefined || known.some((target) => target.name === name)
      ? []
      : [{ name, definition, isRemoved }],
  );
}

/** What an operator asks for. What is left out stays as it is. */
export interface ProcessorChange extends Pick<ProcessorControl, 'by' | 'why'> {
  readonly definition?: ProcessorDefinition;
  readonly isRemoved?: boolean;
  readonly isPaused?: boolean;
  readonly fee?: Fee | null;
  /** Null, of one limit or of all: as configured. */
  readonly limits?: LimitChanges | null;
}

export type LimitChanges = { readonly [Name in keyof Limits]?: number | null };

export const NO_CONTROLS: ProcessorControls = { version: 0, processors: {} };

/** The controls with this change to a processor; null: it is so already. */
export function changed(
  controls: ProcessorControls,
  name: string,
  change: ProcessorChange,
  nowMs: number,
): ProcessorControls | null {
  const control = controls.processors[name] ?? AS_CONFIGURED;
  const { isPaused, isRemoved = false, fee, limits = {} } = control;
  const definition = control.definition ?? change.definition;
  const next = {
    ...(definition !== undefined && { definition }),
    ...((change.isRemoved ?? isRemoved) && { isRemoved: true }),
    isPaused: change.isPaused ?? isPaused,
    fee: change.fee === undefined ? fee : change.fee,
    limits: changedLimits(limits, change.limits),
  };
  const isSameUse = next.isPaused === isPaused && (next.isRemoved ?? false) === isRemoved;
  const isSameProcessor = isSameUse && definition === control.definition;
  if (isSameProcessor && isSameFee(next.fee, fee) && isSame(next.limits, limits)) return null;
  const { by, why } = change;
  const processors = { ...controls.processors, [name]: { ...next, changedAtMs: nowMs, by, why } };
  return { version: controls.version + 1, processors };
}

/** What has changed of one processor, as events. */
export function changeEvents(
  before: ProcessorControls,
  after: ProcessorControls,
  processor: string,
): ProcessorEvent[] {
  const was = before.processors[processor] ?? AS_CONFIGURED;
  const now = after.processors[processor];
  if (now === undefined) return [];
  const said = { processor, by: now.by, why: now.why };
  const events: ProcessorEvent[] = [];
  const wasThere = was.isRemoved !== true && (was.definition !== undefined || now.definition === undefined);
  if (now.isRemoved !== true && !wasThere) events.push({ type: 'processor.added', ...said });
  if (now.isRemoved === true && was.isRemoved !== true) events.push({ type: 'processor.removed', ...said });
  if (now.isPaused !== was.isPaused)
    events.push({ type: now.isPaused ? 'processor.paused' : 'processor.resumed', ...said });
  if (!isSameFee(now.fee, was.fee)) events.push({ type: 'processor.fee-changed', ...said, fee: now.fee });
  const { limits = {} } = now;
  if (!isSame(limits, was.limits ?? {})) events.push({ type: 'processor.limits-changed', ...said, limits });
  return events;
}

const AS_CONFIGURED: Omit<ProcessorControl, 'changedAtMs' | 'by' | 'why'> = {
  isPaused: false,
  fee: null,
};
const LIMIT_NAMES = ['callLimit', 'callsPerSecond', 'minAmountCents', 'maxAmountCents'] as const;

function changedLimits(limits: ChangedLimits, change: LimitChanges | null | undefined): ChangedLimits {
  if (change === null) return {};
  const both = { ...limits, ...change };
  return Object.fromEntries(
    LIMIT_NAMES.flatMap((name) => (typeof both[name] === 'number' ? [[name, both[name]]] : [])),
  );
}

function isSame(one: ChangedLimits, other: ChangedLimits): boolean {
  return LIMIT_NAMES.every((name) => one[name] === other[name]);
}

function isSameFee(one: Fee | null, other: Fee | null): boolean {
  return one?.feePpm === other?.feePpm && one?.feeFixedCents === other?.feeFixedCents;
}

export function controlsText(controls: ProcessorControls): string {
  return JSON.stringify(controls);
}

/** Undefined or empty: nothing was ever changed. */
export function readControls(text: string | undefined): ProcessorControls {
  return text === undefined || text === '' ? NO_CONTROLS : (JSON.parse(text) as ProcessorControls);
}

/** Of copies in several shards, the one that was changed last. */
export function latestControls(copies: readonly ProcessorControls[]): ProcessorControls {
  return copies.reduce((latest, copy) => (copy.version > latest.version ? copy : latest), NO_CONTROLS);
}
