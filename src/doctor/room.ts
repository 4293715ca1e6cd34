import { type Finding, ok } from './finding.ts';

/** As measured with `npm run bench -- ledger/growth`, and some more (docs/books.md). */
export const BYTES_A_PAYMENT = { redis: 60, lmdb: 120 } as const;

const DAY_S = 86_400;

/** How many payments fit, and at which rate that is enough for the retention; Infinity: the books keep everything. */
export function roomFinding(freeBytes: number, bytesAPayment: number, retentionMs: number): Finding {
  const payments = Math.max(0, Math.floor(freeBytes / bytesAPayment));
  const days = payments / DAY_S;
  const kept =
    retentionMs === Number.POSITIVE_INFINITY
      ? ''
      : `; RETENTION fits up to ${shown(payments / (retentionMs / 1000))} payments/s`;
  return ok('room', `some ${shown(payments)} more payments fit: ${shown(days)} days of one a second${kept}`);
}

function shown(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 2 });
}
