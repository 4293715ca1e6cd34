/**
 * Why a processor got payments or not when they were last routed:
 *
 * | reason               | payments                                                          |
 * |----------------------|-------------------------------------------------------------------|
 * | none                 | have not been routed yet                                          |
 * | cheapest-well        | go there: it is the cheapest that is well and fast enough         |
 * | after-failover-delay | go there after waiting for a cheaper processor that fails         |
 * | least-slow           | go there: it is slow, but no other is faster                      |
 * | probe                | go there one at a time, to find out whether it has recovered      |
 * | full                 | wait for it: its calls in flight, or a second, are at their limit |
 * | failing              | wait for it until the failover delay is over, then go elsewhere   |
 * | slow                 | go elsewhere: it takes longer than the latency budget             |
 * | not-needed           | go to a cheaper processor                                         |
 * | amount-not-taken     | go elsewhere: their amounts are outside of its limits             |
 * | paused               | go elsewhere: an operator has paused it                           |
 */
export const ROUTING_REASONS = [
  'none',
  'cheapest-well',
  'after-failover-delay',
  'least-slow',
  'probe',
  'full',
  'failing',
  'slow',
  'not-needed',
  'amount-not-taken',
  'paused',
] as const;
export type RoutingReason = (typeof ROUTING_REASONS)[number];
