import type { FeeTotals, UnitTotals } from '../ledger/ledger.ts';
import { FOLDED_UNITS } from '../ledger/retention.ts';
import { unitStartMs } from '../ledger/time-index.ts';
import { isWhole, msOf, stampOf } from './line-field.ts';

/** What a unit of folded time is called in an export. */
const [MINUTE, HOUR] = FOLDED_UNITS as [number, number];

type Fields = Readonly<Record<string, unknown>>;

export function unitLineOf({ unit, startMs, name, count, amountCents }: UnitTotals): string {
  const field = unit === MINUTE ? 'minute' : 'hour';
  return JSON.stringify({ [field]: stampOf(startMs), processor: name, count, amountCents });
}

export function feeLineOf({ feePpm, feeFixedCents, name, count, amountCents }: FeeTotals): string {
  return JSON.stringify({ feePpm, feeFixedCents, processor: name, count, amountCents });
}

/** Undefined: not the totals of a minute or hour. */
export function readUnit({
  minute,
  hour,
  processor: name,
  count,
  amountCents,
}: Fields): UnitTotals | undefined {
  const unit = minute === undefined ? HOUR : MINUTE;
  const startMs = msOf(minute ?? hour);
  const isUnit = isWhole(startMs, 0) && unitStartMs(unit, startMs) === startMs;
  return isUnit && areTotals(name, count, amountCents)
    ? ({ unit, startMs, name, count, amountCents } as UnitTotals)
    : undefined;
}

/** Undefined: not the totals at a fee. */
export function readFee({
  feePpm,
  feeFixedCents,
  processor: name,
  count,
  amountCents,
}: Fields): FeeTotals | undefined {
  const isFee = isWhole(feePpm, 0) && isWhole(feeFixedCents, 0);
  return isFee && areTotals(name, count, amountCents)
    ? ({ feePpm, feeFixedCents, name, count, amountCents } as FeeTotals)
    : undefined;
}

function areTotals(name: unknown, count: unknown, amountCents: unknown): boolean {
  return typeof name === 'string' && name !== '' && isWhole(count, 1) && isWhole(amountCents, 1);
}
