import type { Fee } from '../core/fee.ts';
import { centsToDecimal } from '../core/money.ts';

const PPM = 1_000_000;

/** A fee as answers show it. */
export function shownFee({ feePpm, feeFixedCents }: Fee) {
  return { share: feePpm / PPM, fixed: Number(centsToDecimal(feeFixedCents)) };
}
