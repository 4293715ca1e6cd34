import assert from 'node:assert';
import { REFUSALS_MAX } from '../shared-memory/metrics-table.ts';
import type { Verdict } from './payment-acceptor.ts';
import { type Problem, type ProblemSlug, problem } from './problem.ts';

/** The problems with which a posted payment may be refused, in the order in which the metrics count them. */
const REFUSALS = [
  'malformed-json',
  'not-an-object',
  'correlation-id-repeated',
  'amount-repeated',
  'correlation-id-missing',
  'correlation-id-not-a-string',
  'correlation-id-not-a-uuid',
  'amount-missing',
  'amount-not-a-number',
  'amount-not-positive',
  'amount-too-precise',
  'amount-too-large',
  'amount-not-taken',
  'amount-conflict',
  'payment-rejected',
  'body-too-large',
  'queue-full',
  'journal-unavailable',
  'ledger-unavailable',
  'stopping',
  'token-required',
  'token-unknown',
  'scope-missing',
  'rate-limited',
  'idempotency-key-not-a-uuid',
  'idempotency-key-differs',
  'batches-limit',
  'books-frozen',
] as const satisfies readonly ProblemSlug[];
assert.ok(REFUSALS.length <= REFUSALS_MAX);

type RefusalSlug = (typeof REFUSALS)[number];

const INDEXES: ReadonlyMap<ProblemSlug, number> = new Map(REFUSALS.map((slug, index) => [slug, index]));

/** The index under which the metrics count this refusal. The problem must be one of them. */
export function refusalIndex(slug: ProblemSlug): number {
  const index = INDEXES.get(slug);
  assert.ok(index !== undefined);
  return index;
}

/** The problem of a payment that was not accepted; null: it was. */
export function refusalOf(verdict: Verdict): Problem | null {
  if (verdict === 'accepted') return null;
  if (typeof verdict === 'string') return problem(verdict);
  if (verdict.kind === 'books-frozen')
    return problem(verdict.kind, { detail: `The payment was not accepted: ${verdict.reason}.` });
  const detail = `This payment was accepted earlier, and has been rejected for good: ${verdict.reason}`;
  return problem(verdict.kind, { detail });
}

/** All refusals with their status, by index. */
export function refusals(): { readonly slug: RefusalSlug; readonly status: number }[] {
  return REFUSALS.map((slug) => ({ slug, status: Number.parseInt(problem(slug).status, 10) }));
}
