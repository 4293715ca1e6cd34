import assert from 'node:assert/strict';
import { isFromTheFuture } from '../core/clock.ts';
import type { Claim, Settlement } from './ledger.ts';

/** The latest moment a ledger can hold: 48 bits of milliseconds, in the year 10889. */
export const LAST_MS = 2 ** 48 - 1;

const REASON_CHARACTERS = 200;

/** The part of a reason that a ledger keeps; a character is never cut in two. */
export function keptReason(reason: string): string {
  return reason.slice(0, REASON_CHARACTERS).toWellFormed();
}

/** What every ledger demands of a commit before it writes anything, so that a bug in a caller changes nothing. */
export function assertCommit(
  processorCount: number,
  settlements: readonly Settlement[],
  claims: readonly Claim[],
): void {
  for (const settlement of settlements) {
    assertProcessor(processorCount, settlement.processor);
    assertAmount(settlement.amountCents);
    assertMoment(settlement.requestedAtMs);
  }
  for (const claim of claims) {
    if (claim.processor !== null) assertProcessor(processorCount, claim.processor);
    assertAmount(claim.amountCents);
    assertMoment(claim.acceptedAtMs);
    assertMoment(claim.requestedAtMs);
  }
}

/**
 * Whether a payment was accepted before a purge. A claim is made at the stamp of its dispatch, or, reserved, at once: a
 * purge that lies in the future then was stamped by a clock that was wrong, and forgets nothing that comes after it.
 */
export function isPurged(
  { acceptedAtMs, requestedAtMs }: Pick<Claim, 'acceptedAtMs' | 'requestedAtMs'>,
  purgedAtMs: number,
): boolean {
  return acceptedAtMs < purgedAtMs && !isFromTheFuture(purgedAtMs, Math.max(acceptedAtMs, requestedAtMs));
}

export function assertProcessor(processorCount: number, processor: number): void {
  assert(Number.isInteger(processor), 'a processor is a position');
  assert(processor >= 0, 'a processor is a position');
  assert(processor < processorCount, 'no such processor');
}

function assertAmount(amountCents: number): void {
  assert(Number.isSafeInteger(amountCents), 'an amount is whole cents');
  assert(amountCents > 0, 'an amount is positive');
}

function assertMoment(ms: number): void {
  assert(Number.isSafeInteger(ms), 'a moment is whole milliseconds');
  assert(ms >= 0, 'a moment is not before 1970');
  assert(ms <= LAST_MS, 'a moment fits 48 bits');
}
