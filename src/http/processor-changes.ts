import type { ProcessorChange } from '../ledger/processor-controls.ts';
import { type Problem, problem } from './problem.ts';

/** What a client asks to change at a processor: only what it names, and who wants it and why. */
export type ChangeReading =
  | { readonly kind: 'ok'; readonly change: ProcessorChange }
  | { readonly kind: 'refused'; readonly problem: Problem };

const REASON_MAX = 200;
const BY_MAX = 64;
/** Text is shown in terminals, where control characters are commands. */
const CONTROL_CHARACTER = /\p{Cc}/u;

/** Reads the body of `PATCH /processors/{name}`. */
export function readChange(body: Uint8Array): ChangeReading {
  const fields = parseObject(body);
  if (fields === null) {
    const detail = 'The body is not a JSON object in UTF-8.';
    return { kind: 'refused', problem: problem('malformed-json', { detail }) };
  }
  const { paused, reason = '', by = '', ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return refused(unknown.slice(0, BY_MAX), 'is not known: expected `paused`, `reason` or `by`');
  if (typeof paused !== 'boolean') return refused('paused', 'must be true or false');
  if (!isText(reason, REASON_MAX)) return refused('reason', `must be text ${lengthText(REASON_MAX)}`);
  if (!isText(by, BY_MAX)) return refused('by', `must be text ${lengthText(BY_MAX)}`);
  return { kind: 'ok', change: { isPaused: paused, changedBy: by, reason } };
}

function lengthText(max: number): string {
  return `of at most ${max} characters, without control characters`;
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && !CONTROL_CHARACTER.test(value);
}

function refused(field: string, what: string): ChangeReading {
  const detail = `\`${field}\` ${what}.`;
  return { kind: 'refused', problem: problem('change-not-valid', { field, detail }) };
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
