import type { PerProcessor } from './scenario.ts';

/** Where a run takes place: two processors, and one deployment at a time that uses them. */
export interface Site {
  readonly name: string;
  /** URLs. */
  readonly processors: PerProcessor<string>;
  open(entry: Entry): Promise<Deployment>;
  close(): Promise<void>;
}

/**
 * What is measured. `gateway`: this one. `floor`: the same nginx and limits, with instances that answer 202 and do nothing.
 * Everything else is another entry of the contest: the path of a compose file that serves the contest's API on port 9999.
 */
export type Entry = 'gateway' | 'floor' | ComposeFile;

export type ComposeFile = `${string}.yml` | `${string}.yaml`;

export function isComposeFile(entry: string): entry is ComposeFile {
  return /\.ya?ml$/.test(entry);
}

export interface Deployment {
  /** URL of the load balancer. */
  readonly target: string;
  /** The resources that each part has used so far; empty if unreadable. */
  usage(): readonly Usage[];
  /** Audits payments stamped since `fromMs`. Resolves to the JSON report, or null if there is no audit here. */
  audit(fromMs: number): Promise<string | null>;
  close(): Promise<void>;
}

/** A part is a container, or a process with its children. Null: unreadable here. */
export interface Usage {
  readonly part: string;
  /** Since its start. */
  readonly cpuMs: number;
  /** Periods of its CPU quota since its start, and those in which the quota was exhausted. */
  readonly periods: number | null;
  readonly throttledPeriods: number | null;
  /** Without reclaimable file cache. */
  readonly memoryBytes: number | null;
}
