import assert from 'node:assert/strict';
import { isFromTheFuture } from '../core/clock.ts';
import type { Claim, Settlement } from './ledger.ts';

/** The latest time that a ledger can store: 48 bits of milliseconds, in the year 10889. */
export const LAST_MS = 2 ** 48 - 1;

const REASON_CHARACTERS = 200;

/** The part of a reason that a ledger stores. Never cuts a character in two. */
export function keptReason(reason: string): string {
  return reason.slice(0, REASON_CHARACTERS).toWellFormed();
}

/** Every ledger checks this before it writes anything, so that a caller's bug changes nothing. */
export function assertCommit(
  processorCount: number,
  settlements: readonly Settlement[],
  claims: readonly Claim[],
): void {
  for (const settlement of settlements) {
    assertProcessor(processorCount, settlement.processor);
    assertAmount(settlement.amountCents);
    assertTime(settlement.requestedAtMs);
  }
  for (const claim of claims) {
    if (claim.processor !== null) assertProcessor(processorCount, claim.processor);
    assertAmount(claim.amountCents);
    assertTime(claim.acceptedAtMs);
    assertTime(claim.requestedAtMs);
  }
}

/**
 * Whether a payment was accepted before a purge. A purge that is still in the future when the payment is claimed was
 * stamped by a wrong clock; it does not apply to payments that come after it.
 */
export function isPurged(
  { acceptedAtMs, requestedAtMs }: Pick<Claim, 'acceptedAtMs' | 'requestedAtMs'>,
  purgedAtMs: number,
): boolean {
  return acceptedAtMs < purgedAtMs && !isFromTheFuture(purgedAtMs, Math.max(acceptedAtMs, requestedAtMs));
}

/** A ledger learns of each processor once, and after it has a number. */
export function assertNewProcessor(names: readonly string[], name: string, isRegistered: boolean): void {
  assert(!names.includes(name), 'the ledger knows this processor already');
  assert(isRegistered, 'a processor must be registered before the ledger knows it');
}

export function assertProcessor(processorCount: number, processor: number): void {
  assert(Number.isInteger(processor), 'a processor must be an index');
  assert(processor >= 0, 'a processor must be an index');
  assert(processor < processorCount, 'no such processor');
}

export function assertAmount(amountCents: number): void {
  assert(Number.isSafeInteger(amountCents), 'an amount must be whole cents');
  assert(amountCents > 0, 'an amount must be positive');
}

export function assertTime(ms: number): void {
  assert(Number.isSafeInteger(ms), 'a time must be whole milliseconds');
  assert(ms >= 0, 'a time must not be before 1970');
  assert(ms <= LAST_MS, 'a time must fit in 48 bits');
}
