/** A range of time in milliseconds since the Unix epoch, both ends inclusive; ±Infinity leaves a side open. */
export type Window =
  | { readonly kind: 'ok'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'bad'; readonly field: 'from' | 'to'; readonly detail: string };

/**
 * Date (1, 2, 3), then optionally hours, minutes (4, 5), seconds (6), fraction (7), and the zone: Z, or its sign, hours
 * and minutes (8, 9, 10). An unencoded `+` arrives as a space.
 */
const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+ -])(\d\d)(?::?(\d\d))?)?)?$/i;

const MINUTE_MS = 60_000;

/**
 * Parses the window of `GET /payments-summary?from&to` from the raw query string. A bound is an ISO 8601 timestamp; a
 * date alone means its midnight, and without a zone it is UTC. A missing or empty bound leaves its side open. A repeated
 * bound is bad, and so is `from` after `to`. Bounds between two milliseconds are rounded towards the inside, so that no
 * payment outside the window counts.
 */
export function parseWindow(query: string): Window {
  const parameters = new URLSearchParams(query);
  const from = parameters.getAll('from');
  const to = parameters.getAll('to');
  if (from.length > 1) return { kind: 'bad', field: 'from', detail: '`from` is given more than once.' };
  if (to.length > 1) return { kind: 'bad', field: 'to', detail: '`to` is given more than once.' };
  const fromMs = from[0] ? parseTimestamp(from[0], Math.ceil) : -Infinity;
  if (fromMs === null) return { kind: 'bad', field: 'from', detail: `\`from\` ${NOT_A_TIMESTAMP}` };
  const toMs = to[0] ? parseTimestamp(to[0], Math.floor) : Infinity;
  if (toMs === null) return { kind: 'bad', field: 'to', detail: `\`to\` ${NOT_A_TIMESTAMP}` };
  // Both rounded down: two bounds within one millisecond are in order, although their window is empty.
  const fromFloorMs = from[0] ? parseTimestamp(from[0], Math.floor) : null;
  if (fromFloorMs !== null && fromFloorMs > toMs) {
    return { kind: 'bad', field: 'from', detail: '`from` is after `to`.' };
  }
  return { kind: 'ok', fromMs, toMs };
}

const NOT_A_TIMESTAMP = 'is not a valid ISO 8601 timestamp, such as 2025-07-15T12:34:56.000Z.';

/** Null if the text is not a timestamp, or names a date or time that does not exist. */
export function parseTimestamp(text: string, round: (ms: number) => number): number | null {
  const match = TIMESTAMP.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0'] = match;
  const [zoneSign, zoneHour = '0', zoneMinute = '0'] = match.slice(8);
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A day that the month does not have, such as 30 February, moves the date into the next month.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  // With nine digits the fraction is in whole nanoseconds, so the division can't round across a millisecond.
  const fractionMs = round(Number(fraction.padEnd(9, '0')) / 1e6);
  const zoneMinutes = Number(zoneHour) * 60 + Number(zoneMinute);
  const offsetMs = (zoneSign === '-' ? -zoneMinutes : zoneMinutes) * MINUTE_MS;
  return date.setUTCHours(Number(hour), Number(minute), Number(second), fractionMs) - offsetMs;
}
