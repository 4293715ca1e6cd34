import type { Fee } from '../core/fee.ts';
import { wholeOf } from '../core/money.ts';
import { CALLS_AT_ONCE_MAX, CALLS_PER_SECOND_MAX } from '../core/terms.ts';
import type { LimitChanges, ProcessorChange, ProcessorDefinition } from '../ledger/processor-controls.ts';
import { DEFINITION_MAX_BYTES } from '../shared-memory/definition-table.ts';
import { BY_MAX, invalidChange, NO_OBJECT, parseObject, readSignature } from './operator-change.ts';
import { type Problem, problem } from './problem.ts';

/** What a client asks to change at a processor: only what it names, and who wants it and why. */
export type ChangeReading =
  | { readonly kind: 'ok'; readonly change: ProcessorChange }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** Reads the body of `PATCH /processors/{name}`. */
export function readChange(body: Uint8Array): ChangeReading {
  const fields = parseObject(body);
  if (fields === null) return { kind: 'refused', problem: NO_OBJECT };
  const { paused, removed, fee, limits, by = '', why = '', ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return refused(
      unknown.slice(0, BY_MAX),
      'is not known: expected `paused`, `removed`, `fee`, `limits`, `by` or `why`',
    );
  if ([paused, removed, fee, limits].every((member) => member === undefined))
    return refused(
      'paused',
      'is missing, and so are `removed`, `fee` and `limits`: expected one of them at least',
    );
  if (paused !== undefined && typeof paused !== 'boolean') return refused('paused', 'must be true or false');
  if (removed !== undefined && typeof removed !== 'boolean')
    return refused('removed', 'must be true or false');
  const readFees = fee === undefined || fee === null ? fee : readFee(fee);
  if (readFees === INVALID) return refused('fee', FEE_EXPECTED);
  const readTaken = limits === undefined || limits === null ? limits : readLimits(limits);
  if (readTaken === INVALID) return refused('limits', LIMITS_EXPECTED);
  const signed = readSignature(by, why);
  if ('body' in signed) return { kind: 'refused', problem: signed };
  const change = {
    ...(paused !== undefined && { isPaused: paused }),
    ...(removed !== undefined && { isRemoved: removed }),
    ...(readFees !== undefined && { fee: readFees }),
    ...(readTaken !== undefined && { limits: readTaken }),
  };
  return { kind: 'ok', change: { ...change, ...signed } };
}

/** The processor that a client asks to add, and who wants it and why. */
export type AdditionReading =
  | {
      readonly kind: 'ok';
      readonly definition: ProcessorDefinition;
      readonly by: string;
      readonly why: string;
    }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** Reads the body of `POST /processors`, but for the members of the processor itself. */
export function readAddition(body: Uint8Array): AdditionReading {
  const fields = parseObject(body);
  if (fields === null) return { kind: 'refused', problem: NO_OBJECT };
  const { by = '', why = '', ...definition } = fields;
  const signed = readSignature(by, why);
  if ('body' in signed) return { kind: 'refused', problem: signed };
  if (Buffer.byteLength(JSON.stringify(definition)) > DEFINITION_MAX_BYTES)
    return { kind: 'refused', problem: invalidAddition([`it is longer than ${DEFINITION_MAX_BYTES} bytes`]) };
  return { kind: 'ok', definition, ...signed };
}

export function invalidAddition(problems: readonly string[]): Problem {
  return problem('change-not-valid', { detail: `The processor cannot be added: ${problems.join('; ')}.` });
}

const INVALID = Symbol('invalid');
const FEE_EXPECTED =
  'must be null, or an object with `share`, from 0 to 1 with at most 6 places, and `fixed`, from 0 to 1000000.00 with at most 2';
const LIMITS_EXPECTED = `must be null, or an object with one of \`callsAtOnce\`, from 1 to ${CALLS_AT_ONCE_MAX}, \`callsPerSecond\`, from 1 to ${CALLS_PER_SECOND_MAX}, \`minAmount\` and \`maxAmount\`, from 0.01 to 90071992547409.91 with at most 2 places, at least; each of them may be null`;
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

function readLimits(limits: unknown): LimitChanges | typeof INVALID {
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) return INVALID;
  const { callsAtOnce, callsPerSecond, minAmount, maxAmount, ...others } = limits as Record<string, unknown>;
  const read: Record<keyof LimitChanges, ReturnType<typeof limitOf>> = {
    callLimit: limitOf(callsAtOnce, 1, CALLS_AT_ONCE_MAX),
    callsPerSecond: limitOf(callsPerSecond, 1, CALLS_PER_SECOND_MAX),
    minAmountCents: limitOf(minAmount, 100, Number.MAX_SAFE_INTEGER),
    maxAmountCents: limitOf(maxAmount, 100, Number.MAX_SAFE_INTEGER),
  };
  if (Object.keys(others).length > 0 || Object.keys(limits).length === 0) return INVALID;
  const changes: [name: string, limit: number | null][] = [];
  for (const [name, limit] of Object.entries(read)) {
    if (limit === INVALID) return INVALID;
    if (limit !== undefined) changes.push([name, limit]);
  }
  return Object.fromEntries(changes);
}

/** A limit from 1 to `max` of units of which `perOne` are one; null and undefined are what they are. */
function limitOf(value: unknown, perOne: number, max: number): number | null | undefined | typeof INVALID {
  if (value === null || value === undefined) return value;
  const whole = wholeOf(value, perOne);
  return whole === undefined || whole < 1 || whole > max ? INVALID : whole;
}

function refused(field: string, what: string): ChangeReading {
  return { kind: 'refused', problem: invalidChange(field, what) };
}
