import { centsToDecimal } from '../core/money.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';

/** A payment as answers show it. */
export function paymentJson(entry: LedgerEntry): string {
  const { correlationId, status, processorName, conflictingAmountCents } = entry;
  const shown = {
    correlationId,
    status,
    acceptedAt: new Date(entry.acceptedAtMs).toISOString(),
    processor: processorName,
    requestedAt: entry.requestedAtMs === 0 ? null : new Date(entry.requestedAtMs).toISOString(),
    attempts: entry.attempts,
    ...(status === 'rejected' ? { reason: entry.reason } : {}),
  };
  const amounts = [`"amount":${centsToDecimal(entry.amountCents)}`];
  // JSON.stringify would print a float, so exact amounts are added as text.
  if (conflictingAmountCents !== null)
    amounts.push(`"conflictingAmount":${centsToDecimal(conflictingAmountCents)}`);
  return `{${amounts.join(',')},${JSON.stringify(shown).slice(1)}`;
}
