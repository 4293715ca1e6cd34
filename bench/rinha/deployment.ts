import type { PerProcessor } from './scenario.ts';

/** Where a run takes place: the two processors, and deployments that are brought up before them, one at a time. */
export interface Site {
  readonly name: string;
  /** URLs. */
  readonly processors: PerProcessor<string>;
  open(kind: Kind): Promise<Deployment>;
  close(): Promise<void>;
}

/** `floor`: the same nginx and limits, with instances that answer 202 and do nothing. */
export type Kind = 'gateway' | 'floor';

export interface Deployment {
  /** URL of the load balancer. */
  readonly target: string;
  /** What each part has used so far; empty where it can't be read. */
  usage(): readonly Usage[];
  /**
   * Audits payments stamped from then on, and answers the report in JSON; null: not here. Rejects with what the
   * audit complained of.
   */
  audit(fromMs: number): Promise<string | null>;
  close(): Promise<void>;
}

/** A part is a container, or a process with its children. Null: can't be read here. */
export interface Usage {
  readonly part: string;
  /** Since it began. */
  readonly cpuMs: number;
  /** Periods of its CPU quota since it began, and those in which it ran out of it. */
  readonly periods: number | null;
  readonly throttledPeriods: number | null;
  /** Without the file cache that can be dropped. */
  readonly memoryBytes: number | null;
}
