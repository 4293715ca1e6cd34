import type { Claim, Settlement } from '../../src/ledger/ledger.ts';

/** The claim of a payment; payments are `apartMs` apart. */
export function claimOf(number: number, startMs: number, apartMs: number): Claim {
  // Multiplying by an odd constant spreads the numbers like random ids.
  const mixed = Math.imul(number, 0x9e3779b1) >>> 0;
  const correlationId = `${mixed.toString(16).padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
  const requestedAtMs = startMs + number * apartMs;
  return {
    correlationId,
    amountCents: 1990,
    acceptedAtMs: requestedAtMs,
    processor: number % 2,
    requestedAtMs,
  };
}

export function settlementOf({ correlationId, amountCents, processor, requestedAtMs }: Claim): Settlement {
  return {
    correlationId,
    status: 'settled',
    processor: processor ?? 0,
    amountCents,
    requestedAtMs,
    reason: '',
  };
}
