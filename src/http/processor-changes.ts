import type { Fee } from '../core/fee.ts';
import type { ProcessorChange } from '../ledger/processor-controls.ts';
import { isText, NO_OBJECT, parseObject } from './operator-change.ts';
import { type Problem, problem } from './problem.ts';

/** What a client asks to change at a processor: only what it names, and who wants it and why. */
export type ChangeReading =
  | { readonly kind: 'ok'; readonly change: ProcessorChange }
  | { readonly kind: 'refused'; readonly problem: Problem };

const REASON_MAX = 200;
const BY_MAX = 64;

/** Reads the body of `PATCH /processors/{name}`. */
export function readChange(body: Uint8Array): ChangeReading {
  const fields = parseObject(body);
  if (fields === null) return { kind: 'refused', problem: NO_OBJECT };
  const { paused, fee, reason = '', by = '', ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return refused(unknown.slice(0, BY_MAX), 'is not known: expected `paused`, `fee`, `reason` or `by`');
  if (paused === undefined && fee === undefined)
    return refused('paused', 'and `fee` are both missing: expected one of them, or both');
  if (paused !== undefined && typeof paused !== 'boolean') return refused('paused', 'must be true or false');
  const read = fee === undefined || fee === null ? fee : readFee(fee);
  if (read === INVALID) return refused('fee', FEE_EXPECTED);
  if (!isText(reason, REASON_MAX)) return refused('reason', `must be text ${lengthText(REASON_MAX)}`);
  if (!isText(by, BY_MAX)) return refused('by', `must be text ${lengthText(BY_MAX)}`);
  const change = {
    ...(paused !== undefined && { isPaused: paused }),
    ...(read !== undefined && { fee: read }),
  };
  return { kind: 'ok', change: { ...change, changedBy: by, reason } };
}

const INVALID = Symbol('invalid');
const FEE_EXPECTED =
  'must be null, or an object with `share`, from 0 to 1 with at most 6 places, and `fixed`, from 0 to 1000000.00 with at most 2';
const MILLION = 1_000_000;
const FIXED_MAX_CENTS = 100_000_000;

function readFee(fee: unknown): Fee | typeof INVALID {
  if (typeof fee !== 'object' || fee === null) return INVALID;
  const { share = 0, fixed = 0, ...others } = fee as Record<string, unknown>;
  const feePpm = wholeOf(share, MILLION);
  const feeFixedCents = wholeOf(fixed, 100);
  if (Object.keys(others).length > 0 || feePpm === undefined || feeFixedCents === undefined) return INVALID;
  return feePpm > MILLION || feeFixedCents > FIXED_MAX_CENTS ? INVALID : { feePpm, feeFixedCents };
}

/** A decimal in units of which `perOne` are one; undefined: it is none, is negative, or has too many places. */
function wholeOf(value: unknown, perOne: number): number | undefined {
  if (typeof value !== 'number' || !(value >= 0 && value <= FIXED_MAX_CENTS)) return undefined;
  const whole = Math.round(value * perOne);
  // The float nearest to a decimal with few places is that of the quotient.
  return whole / perOne === value ? whole : undefined;
}

function lengthText(max: number): string {
  return `of at most ${max} characters, without control characters`;
}

function refused(field: string, what: string): ChangeReading {
  const detail = `\`${field}\` ${what}.`;
  return { kind: 'refused', problem: problem('change-not-valid', { field, detail }) };
}
