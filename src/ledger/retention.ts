import { UNIT_SPANS_MS, unitStartMs } from './time-index.ts';

/**
 * Up to where the books have been folded. Before `secondsMs`, the start of a minute, they know no payments that are
 * finished, and the totals of whole minutes. Before `minutesMs`, the start of an hour, they know the totals of whole hours.
 */
export interface Folded {
  readonly secondsMs: number;
  readonly minutesMs: number;
}

/** A bound of a window for which the books know no exact sum any more. */
export interface TooFine {
  readonly kind: 'too-fine';
  readonly bound: 'from' | 'to';
  readonly folded: Folded;
}

export const NOTHING_FOLDED: Folded = { secondsMs: 0, minutesMs: 0 };

const MINUTE = 2;
const HOUR = 3;
/** The units that may be the finest which are left of folded time. */
export const FOLDED_UNITS: readonly number[] = [MINUTE, HOUR];
const DAY_MS = UNIT_SPANS_MS[4] as number;
/** Totals of minutes take 65 KB a day, whatever the load: too much to keep them as long as those of hours, forever. */
export const MINUTES_KEPT_MS = 400 * DAY_MS;

/** What may be folded at `nowMs`. */
export function foldable(nowMs: number, retentionMs: number): Folded {
  const secondsMs = unitStartMs(MINUTE, Math.max(0, nowMs - retentionMs));
  const minutesMs = unitStartMs(HOUR, Math.max(0, nowMs - Math.max(retentionMs, MINUTES_KEPT_MS)));
  return { secondsMs, minutesMs };
}

/** For each time the later one. */
export function laterOf(one: Folded, other: Folded): Folded {
  return {
    secondsMs: Math.max(one.secondsMs, other.secondsMs),
    minutesMs: Math.max(one.minutesMs, other.minutesMs),
  };
}

/** The finest unit of the time index that books with this `folded` have at a time. */
export function finestUnit(ms: number, { secondsMs, minutesMs }: Folded): number {
  if (ms >= secondsMs) return 0;
  return ms >= minutesMs ? MINUTE : HOUR;
}

/** Before which time books with this `folded` have no buckets of a unit. */
export function foldedBefore(unit: number, { secondsMs, minutesMs }: Folded): number {
  if (unit < MINUTE) return secondsMs;
  return unit < HOUR ? minutesMs : 0;
}

/** Null: the books know the exact sum of [fromMs, toMs], both whole and inclusive. */
export function tooFine(fromMs: number, toMs: number, folded: Folded): TooFine | null {
  if (fromMs > toMs) return null;
  const isExact = (ms: number) => unitStartMs(finestUnit(ms, folded), ms) === ms;
  if (!isExact(fromMs)) return { kind: 'too-fine', bound: 'from', folded };
  // The window ends where the next millisecond begins.
  if (!isExact(toMs + 1)) return { kind: 'too-fine', bound: 'to', folded };
  return null;
}

/** The first end of a window, from `toMs` on, for which books with this `folded` know an exact sum. */
export function exactEndMs(toMs: number, folded: Folded): number {
  const unit = finestUnit(toMs, folded);
  return unitStartMs(unit, toMs) + (UNIT_SPANS_MS[unit] as number) - 1;
}

/** Which bound is wrong and which would do, in sentences for people. */
export function tooFineReason({ bound, folded: { secondsMs, minutesMs } }: TooFine): string {
  const place =
    bound === 'from' ? 'at the start of one' : 'at the last millisecond of one, such as 12:59:59.999';
  const [minutes, hours] = [new Date(secondsMs).toISOString(), new Date(minutesMs).toISOString()];
  return `Before ${minutes} the books know the totals of whole minutes only, and before ${hours} of whole hours: \`${bound}\` must be ${place}.`;
}

/**
 * Whether folding up to `untilMs` forgets a finished payment with these times. One that was cancelled stays: an instance may
 * still have it, however long it waits, and a claim of a forgotten payment is granted.
 */
export function isForgotten(
  { acceptedAtMs, requestedAtMs }: { readonly acceptedAtMs: number; readonly requestedAtMs: number },
  isCancelled: boolean,
  untilMs: number,
): boolean {
  return !isCancelled && Math.max(acceptedAtMs, requestedAtMs) < untilMs;
}

/**
 * Whether a charge was counted when its payment was known by the same id before, and forgotten since: it was stamped
 * before this payment was accepted, in folded time. The processor has recognised the id and answered with its first charge.
 *
 * A charge with the stamp of this dispatch is new, wherever a clock that was wrong has put it.
 */
export function isCountedAlready(
  dispatched: { readonly acceptedAtMs: number; readonly requestedAtMs: number },
  chargedAtMs: number,
  { secondsMs }: Folded,
): boolean {
  if (chargedAtMs === dispatched.requestedAtMs) return false;
  return chargedAtMs < dispatched.acceptedAtMs && chargedAtMs < secondsMs;
}
