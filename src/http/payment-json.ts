import { centsToDecimal } from '../core/money.ts';
import { isAwaited } from '../ledger/actions.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import { attemptsOf } from '../ledger/story.ts';

/** A payment as answers show it to everyone. */
export function paymentJson(entry: LedgerEntry): string {
  return payment(entry, {});
}

/** The same for operators, with each attempt that the books tell of. */
export function storyJson(entry: LedgerEntry): string {
  const history = attemptsOf(entry).map(({ processorName, requestedAtMs, why, outcome }) => ({
    processor: processorName,
    requestedAt: new Date(requestedAtMs).toISOString(),
    why,
    outcome,
  }));
  return payment(entry, { history });
}

function payment(entry: LedgerEntry, more: Readonly<Record<string, unknown>>): string {
  const { correlationId, status, processorName, conflictingAmountCents } = entry;
  const shown = {
    correlationId,
    status,
    acceptedAt: new Date(entry.acceptedAtMs).toISOString(),
    processor: processorName,
    requestedAt: processorName === null ? null : new Date(entry.requestedAtMs).toISOString(),
    attempts: entry.attempts,
    ...(status === 'rejected' ? { reason: entry.reason } : {}),
    ...more,
  };
  const amounts = isAwaited(entry) ? [] : [`"amount":${centsToDecimal(entry.amountCents)}`];
  // JSON.stringify would print a float, so exact amounts are added as text.
  if (conflictingAmountCents !== null)
    amounts.push(`"conflictingAmount":${centsToDecimal(conflictingAmountCents)}`);
  return `{${[...amounts, JSON.stringify(shown).slice(1)].join(',')}`;
}
