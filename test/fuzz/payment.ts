import { uuidOf } from '../sim/profiles.ts';
import type { Random } from '../sim/random.ts';

/** The payment that a request makes if it is accepted. */
export interface FuzzPayment {
  /** In canonical form, lower case. */
  readonly correlationId: string;
  readonly amountCents: number;
}

const MAX_AMOUNT_CENTS = 999_999;

export function drawPayment(random: Random): FuzzPayment {
  return { correlationId: uuidOf(random), amountCents: random.int(1, MAX_AMOUNT_CENTS) };
}

export function decimalOf(amountCents: number): string {
  return `${Math.floor(amountCents / 100)}.${String(amountCents % 100).padStart(2, '0')}`;
}

export function plainJson({ correlationId, amountCents }: FuzzPayment): string {
  return `{"correlationId":"${correlationId}","amount":${decimalOf(amountCents)}}`;
}
