type LedgerKind = 'lmdb' | 'redis';

/** How much the system tests do: little by default, and what the environment says on demand. */
export const PAYMENTS = whole('SYSTEM_PAYMENTS', 600);
export const RATE_PER_S = whole('SYSTEM_RATE', 500);
/** Of payments that are posted a second time: they cost less. */
export const REPEAT_RATE_PER_S = 4 * RATE_PER_S;
export const OUTAGE_MS = whole('SYSTEM_OUTAGE_MS', 3_000);
export const WINDOWS = 50;
/** Generous, since the machine may be busy; `acceptance.ts` is where the real limit is shown. */
export const SETTLE_MS = 40_000;

/** Where a test runs on either ledger: on both with `SYSTEM_LEDGERS=all`, else on the one that it tries hardest. */
export function ledgers(usual: LedgerKind): readonly LedgerKind[] {
  return process.env['SYSTEM_LEDGERS'] === 'all' ? ['lmdb', 'redis'] : [usual];
}

function whole(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0`);
  return value;
}
