import assert from 'node:assert';
import { REFUSALS_MAX } from '../shared-memory/metrics-table.ts';
import { type ProblemSlug, problem } from './problem.ts';

/** What a post of a payment may be refused with. The order is where the meters count it. */
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
  'amount-conflict',
  'body-too-large',
  'queue-full',
  'journal-unavailable',
  'ledger-unavailable',
  'stopping',
] as const satisfies readonly ProblemSlug[];
assert.ok(REFUSALS.length <= REFUSALS_MAX);

export type RefusalSlug = (typeof REFUSALS)[number];

const PLACES: ReadonlyMap<RefusalSlug, number> = new Map(REFUSALS.map((slug, place) => [slug, place]));

/** Where the meters count it. */
export function placeOf(slug: RefusalSlug): number {
  const place = PLACES.get(slug);
  assert.ok(place !== undefined);
  return place;
}

/** Each of them with its status, in the order of the places. */
export function refusals(): { readonly slug: RefusalSlug; readonly status: number }[] {
  return REFUSALS.map((slug) => ({ slug, status: Number.parseInt(problem(slug).status, 10) }));
}
