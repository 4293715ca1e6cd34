type LedgerKind = 'lmdb' | 'redis';

/** How much the system tests do: little by default, more if the environment says so. */
export const PAYMENTS = whole('SYSTEM_PAYMENTS', 600);
export const RATE_PER_S = whole('SYSTEM_RATE', 500);
/** The rate of repeated posts, which cost less. */
export const REPEAT_RATE_PER_S = 4 * RATE_PER_S;
export const OUTAGE_MS = whole('SYSTEM_OUTAGE_MS', 3_000);
export const WINDOWS = 50;
/** Generous, because the machine may be busy; `acceptance.ts` shows the real limit. */
export const SETTLE_MS = 40_000;

/** The ledgers a test runs on: both with `SYSTEM_LEDGERS=all`, otherwise the one that is harder for it. */
export function ledgers(usual: LedgerKind): readonly LedgerKind[] {
  return process.env['SYSTEM_LEDGERS'] === 'all' ? ['lmdb', 'redis'] : [usual];
}

function whole(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0`);
  return value;
}
