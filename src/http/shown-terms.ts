import type { Fee } from '../core/fee.ts';
import { centsToDecimal } from '../core/money.ts';
import type { ChangedLimits, Limits } from '../core/terms.ts';

const PPM = 1_000_000;
/** Not written: no amount is greater. */
const NO_LIMIT_CENTS = Number.MAX_SAFE_INTEGER;

/** A fee as answers show it. */
export function shownFee({ feePpm, feeFixedCents }: Fee) {
  return { share: feePpm / PPM, fixed: amountOf(feeFixedCents) };
}

/** Limits as answers show them, with the names of the processors file. Null: no limit. */
export function shownLimits({ callLimit, callsPerSecond, minAmountCents, maxAmountCents }: Limits) {
  return {
    callsAtOnce: callLimit,
    callsPerSecond,
    minAmount: amountOf(minAmountCents),
    maxAmount: maxAmountCents === NO_LIMIT_CENTS ? null : amountOf(maxAmountCents),
  };
}

/** As JSON, only those that operators have changed, amounts with two decimals. */
export function changedLimitsJson(limits: ChangedLimits): string {
  const { callLimit, callsPerSecond, minAmountCents, maxAmountCents } = limits;
  const members = [
    ...(callLimit === undefined ? [] : [`"callsAtOnce":${callLimit}`]),
    ...(callsPerSecond === undefined ? [] : [`"callsPerSecond":${callsPerSecond}`]),
    ...(minAmountCents === undefined ? [] : [`"minAmount":${centsToDecimal(minAmountCents)}`]),
    ...(maxAmountCents === undefined ? [] : [`"maxAmount":${centsToDecimal(maxAmountCents)}`]),
  ];
  return `{${members.join()}}`;
}

function amountOf(cents: number): number {
  return Number(centsToDecimal(cents));
}
