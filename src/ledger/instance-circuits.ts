/**
 * The circuits that each instance sees, in a bookmark of the ledger: circuit breakers belong to instances, and people want
 * to know at which of them one is open.
 */
export interface SeenCircuit {
  readonly processor: string;
  readonly state: 'open' | 'half-open' | 'closed';
  /** By the wall clock of that instance; null: it is closed. */
  readonly openedAtMs: number | null;
  /** Why it opened. */
  readonly why: string;
}

export type InstanceCircuits = ReadonlyMap<string, readonly SeenCircuit[]>;

export const INSTANCE_CIRCUITS = 'circuits of instances';

/** A bookmark that was never set has an empty text. */
export function readInstanceCircuits(text: string): InstanceCircuits {
  return new Map(text === '' ? [] : (JSON.parse(text) as [string, readonly SeenCircuit[]][]));
}

export function instanceCircuitsText(circuits: InstanceCircuits): string {
  return JSON.stringify([...circuits]);
}
