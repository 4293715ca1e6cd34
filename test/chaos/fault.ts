import type { TwinName } from '../../src/simulated/twin.ts';
import type { Random } from '../sim/random.ts';
import type { Lab, LedgerKind } from './lab.ts';

/** A drawn fault: what it does, and to what. */
export interface Fault {
  readonly name: string;
  /** What it affects. Faults with a common target happen one after another. */
  readonly targets: readonly string[];
  readonly text: string;
  /** Resolves when the fault has ended. */
  strike(lab: Lab): Promise<void>;
}

export type Drawn = Omit<Fault, 'name'>;

export interface Kind {
  readonly name: string;
  /** Only with this ledger; undefined: with any. */
  readonly ledger?: LedgerKind;
  /** Only if disks can be filled. */
  readonly needsDisk?: boolean;
  /** Only processors with one of these contracts; undefined: any. */
  readonly contracts?: readonly TwinName[];
  /** `processors`: those that it may affect, by position. */
  draw(random: Random, processors: Processors, instanceCount: number): Drawn;
}

/** Their names, by position in the lab. */
export type Processors = readonly [Named, ...Named[]];

export interface Named {
  readonly index: number;
  readonly name: string;
}

export const FAULT_MIN_MS = 1_500;
export const FAULT_MAX_MS = 6_000;
