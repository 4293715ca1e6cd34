/** What a payment costs at a processor: a share of its amount, in parts per million, and a fixed part. */
export interface Fee {
  readonly feePpm: number;
  readonly feeFixedCents: number;
}
