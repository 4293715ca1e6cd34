import type { ProcessorTarget } from '../src/config/config.ts';

/** A processor as the environment's short form configures it, with these changes. */
export function processorTarget(changes: Partial<ProcessorTarget> = {}): ProcessorTarget {
  return {
    name: 'default',
    url: 'http://a',
    contract: { name: 'rinha', options: {}, authorization: '' },
    feePpm: 50_000,
    feeFixedCents: 0,
    minAmountCents: 1,
    maxAmountCents: Number.MAX_SAFE_INTEGER,
    callLimit: 400,
    callsPerSecond: null,
    timeoutMs: 15_000,
    healthTimeoutMs: 1500,
    inDoubtHoldMs: 30_000,
    breaker: { failures: 3, baseMs: 250, maxMs: 5000 },
    adminToken: '',
    ...changes,
  };
}
