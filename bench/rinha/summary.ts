import type { Totals } from '../../src/core/payment.ts';
import type { PerProcessor } from './scenario.ts';

/** A processor's own summary; a backend's summary covers both processors. */
export interface ProcessorSummary extends Totals {
  /** As a share of the amount, such as 0.05. */
  readonly fee: number;
}

const NOTHING: Totals = { count: 0, amountCents: 0 };

/** Stands for a summary that did not arrive in time. */
export const NO_BACKEND_SUMMARY: PerProcessor<Totals> = { default: NOTHING, fallback: NOTHING };

/** Throws if the body is not a summary. */
export function parseSummary(body: string): ProcessorSummary {
  const wire: Partial<WireTotals> = JSON.parse(body);
  const { feePerTransaction } = wire;
  if (typeof feePerTransaction !== 'number') throw new Error(`not a processor's summary: ${body}`);
  return { ...parseTotals(wire), fee: feePerTransaction };
}

/** Throws if the body is not a summary. */
export function parseBackendSummary(body: string): PerProcessor<Totals> {
  const wire: Partial<PerProcessor<Partial<WireTotals>>> = JSON.parse(body);
  return { default: parseTotals(wire.default ?? {}), fallback: parseTotals(wire.fallback ?? {}) };
}

/** The query `?from=…&to=…`. */
export function windowQuery(fromMs: number, toMs: number): string {
  return `?from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
}

interface WireTotals {
  readonly totalRequests: number;
  readonly totalAmount: number;
  readonly feePerTransaction: number;
}

function parseTotals({ totalRequests, totalAmount }: Partial<WireTotals>): Totals {
  if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') throw new Error('not a summary');
  return { count: totalRequests, amountCents: Math.round(totalAmount * 100) };
}
