/** What contracts need to read JSON bodies. Amounts are read by `readAmountCents` of `src/core/money.ts`, without floats. */
import { parseJsonObject } from '../core/json-object.ts';

const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/;

/** An ISO 8601 instant, truncated to milliseconds; without a zone it is UTC. Null: anything else. */
export function readInstantMs(value: unknown): number | null {
  const [, seconds, fraction = '', zone = 'Z'] = typeof value === 'string' ? (INSTANT.exec(value) ?? []) : [];
  if (seconds === undefined) return null;
  const instantMs = Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
  return Number.isNaN(instantMs) ? null : instantMs;
}

/** The members of a JSON object; empty if the text is anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  return parseJsonObject(text) ?? {};
}

const LINE_LENGTH_MAX = 200;

/** A text for people in one line, such as why a payment was refused; empty if the value is not a text. */
export function readLine(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value
    .slice(0, LINE_LENGTH_MAX)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
}
