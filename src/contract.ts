/**
 * What a user's contract imports, as `@dinossauro/gateway/contract`: the types of a contract, and helpers for its options,
 * for amounts without floats, and for JSON.
 */
export { centsToDecimal, decimalToCents, readAmountCents } from './core/money.ts';
export { SetupError } from './core/setup-error.ts';
export type {
  Contract,
  ContractFactory,
  ContractOptions,
  ContractPayment,
  ContractRequest,
  ContractResponse,
  HealthRoute,
  Proof,
  TotalsRoute,
} from './processor/contract.ts';
export { parseObject, readInstantMs, readLine } from './processor/json-body.ts';
export type { Health, LookUpOutcome, PayOutcome, TotalsOutcome } from './processor/processor.ts';
