import { readFileSync } from 'node:fs';
import type { Deployment, Usage } from './deployment.ts';

/**
 * Measures what a deployment uses between `start` and `stop`, in total and per accepted payment. Calls of `sample` in
 * between find the memory peaks.
 */
export class Meter {
  readonly #deployment: Deployment;
  #before: readonly Usage[] = [];
  #paymentsBefore = 0;
  #stealBefore = hostTicks();
  #peaks = new Map<string, number>();
  #peakBytes = 0;

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
  }

  start(paymentCount: number): void {
    this.#paymentsBefore = paymentCount;
    this.#before = this.#deployment.usage();
    this.#stealBefore = hostTicks();
  }

  sample(): readonly Usage[] {
    const usage = this.#deployment.usage();
    for (const { part, memoryBytes } of usage) {
      this.#peaks.set(part, Math.max(this.#peaks.get(part) ?? 0, memoryBytes ?? 0));
    }
    this.#peakBytes = Math.max(
      this.#peakBytes,
      usage.reduce((sum, each) => sum + (each.memoryBytes ?? 0), 0),
    );
    return usage;
  }

  stop(paymentCount: number): Metered {
    const before = new Map(this.#before.map((each) => [each.part, each]));
    const parts = this.sample().map((after) => ({
      ...difference(before.get(after.part), after, paymentCount - this.#paymentsBefore),
      peakBytes: this.#peaks.get(after.part) ?? 0,
    }));
    return {
      parts,
      cpuPerPaymentUs: parts.reduce((sum, each) => sum + each.cpuPerPaymentUs, 0),
      peakBytes: this.#peakBytes,
      stealShare: stealShare(this.#stealBefore, hostTicks()),
    };
  }
}

export interface Metered {
  /** Empty if unreadable. */
  readonly parts: readonly MeteredPart[];
  readonly cpuPerPaymentUs: number;
  /** The highest sum over all parts. */
  readonly peakBytes: number;
  /** The share of CPU time that the hypervisor gave to other machines. */
  readonly stealShare: number;
}

export interface MeteredPart {
  readonly part: string;
  readonly cpuMs: number;
  readonly cpuPerPaymentUs: number;
  /** Null: no quota, or unreadable. */
  readonly throttledShare: number | null;
  readonly peakBytes: number;
}

function difference(
  before: Usage | undefined,
  after: Usage,
  paymentCount: number,
): Omit<MeteredPart, 'peakBytes'> {
  const cpuMs = after.cpuMs - (before?.cpuMs ?? 0);
  const periods = (after.periods ?? 0) - (before?.periods ?? 0);
  const throttled = (after.throttledPeriods ?? 0) - (before?.throttledPeriods ?? 0);
  return {
    part: after.part,
    cpuMs,
    cpuPerPaymentUs: (cpuMs * 1_000) / Math.max(1, paymentCount),
    throttledShare: periods > 0 ? throttled / periods : null,
  };
}

/** Ticks of all CPUs since boot: user, nice, system, idle, iowait, irq, softirq, steal. */
function hostTicks(): readonly number[] {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
  return line.trim().split(/\s+/).slice(1, 9).map(Number);
}

function stealShare(before: readonly number[], after: readonly number[]): number {
  const passed = after.map((ticks, index) => ticks - (before[index] ?? 0));
  return (
    (passed[7] ?? 0) /
    Math.max(
      1,
      passed.reduce((sum, each) => sum + each, 0),
    )
  );
}
