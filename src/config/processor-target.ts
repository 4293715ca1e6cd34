import { basename } from 'node:path';
import type { Terms } from '../core/terms.ts';
import type { Tls } from '../core/tls.ts';

/** A processor as configured: by the environment's short form, or by the processors file. */
export interface ProcessorTarget extends Terms {
  readonly name: string;
  /** http or https, without a trailing slash; may contain credentials, so it must be masked where it is shown. */
  readonly url: string;
  readonly tls?: Tls;
  readonly contract: ContractSpec;
  /** How long a call waits for its response. */
  readonly timeoutMs: number;
  /** How long a health call waits for its response. */
  readonly healthTimeoutMs: number;
  /** How long after a call with an unknown outcome an absent payment is believed to be absent. */
  readonly inDoubtHoldMs: number;
  readonly breaker: BreakerTarget;
  /** For its administrators; an audit reads its totals with it. Empty: none. */
  readonly adminToken: string;
}

export interface BreakerTarget {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** The first and the longest delay between probes. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Which contract a processor speaks. Each thread opens its own (`src/processor/open-contract.ts`). */
export interface ContractSpec {
  /** A shipped contract, or the absolute path of a module that exports one. */
  readonly name: string;
  /** Read by the contract alone. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The value of an `Authorization` header; empty: none. */
  readonly authorization: string;
}

/** The contract in a few characters, for people: without the directories of a module. */
export function contractLabel({ name }: ContractSpec): string {
  return basename(name);
}
