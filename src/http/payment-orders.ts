import { wholeOf } from '../core/money.ts';
import { isUuid } from '../core/uuid.ts';
import {
  ACTION_PAYMENTS_MAX,
  type Action,
  type Cancellation,
  type NamedPayment,
  type Reopening,
} from '../ledger/actions.ts';
import { BY_MAX, isText, NO_OBJECT, parseObject } from './operator-change.ts';
import { type Problem, problem } from './problem.ts';

/** What an operator wants done to which payments. */
export type Order = SendAgainOrder | CancelOrder | HoldOrder;

interface SendAgainOrder extends Pick<Action, 'by' | 'why'> {
  readonly what: 'send-again';
  readonly payments: readonly Reopening[];
}

interface CancelOrder extends Pick<Action, 'by' | 'why'> {
  readonly what: 'cancel';
  readonly payments: readonly Cancellation[];
}

interface HoldOrder extends Pick<Action, 'by' | 'why'> {
  readonly what: 'hold' | 'release';
  readonly payments: readonly NamedPayment[];
}

const WHAT = ['send-again', 'cancel', 'hold', 'release'] as const;
/** Clients get it behind a prefix; both together fit into a reason of the ledger. */
const WHY_MAX = 170;

/** Reads the body of `POST /actions`. */
export function readOrder(body: Uint8Array): Order | Problem {
  const fields = parseObject(body);
  if (fields === null) return NO_OBJECT;
  const { what, payments, by = '', why, ...others } = fields;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    return invalid(unknown.slice(0, BY_MAX), 'is not known: expected `what`, `payments`, `by` or `why`');
  const known = WHAT.find((each) => each === what);
  if (known === undefined) return invalid('what', `must be one of ${WHAT.join(', ')}`);
  if (!isText(by, BY_MAX)) return invalid('by', `must be text of at most ${BY_MAX} characters`);
  if (!isText(why, WHY_MAX) || why === '')
    return invalid('why', `must say why, in text of at most ${WHY_MAX} characters`);
  if (!Array.isArray(payments) || payments.length < 1 || payments.length > ACTION_PAYMENTS_MAX)
    return invalid('payments', `must be a list of 1 to ${ACTION_PAYMENTS_MAX} payments`);
  return readPayments(known, payments, { by, why });
}

function readPayments(
  what: Action['what'],
  given: readonly unknown[],
  signed: Pick<Action, 'by' | 'why'>,
): Order | Problem {
  switch (what) {
    case 'send-again': {
      const payments = given.map(readReopening);
      return payments.every((each) => each !== null) ? { what, payments, ...signed } : WRONG_REOPENING;
    }
    case 'cancel': {
      const payments = given.map(readCancellation);
      return payments.every((each) => each !== null) ? { what, payments, ...signed } : WRONG_CANCELLATION;
    }
    case 'hold':
    case 'release': {
      const payments = given.map(readNamed);
      return payments.every((each) => each !== null) ? { what, payments, ...signed } : WRONG_NAME;
    }
  }
}

function readReopening(given: unknown): Reopening | null {
  const { correlationId, attempts, ...others } = fieldsOf(given);
  const isValid =
    typeof attempts === 'number' && Number.isInteger(attempts) && attempts >= 1 && attempts < 2 ** 32;
  const id = readId(correlationId);
  return id !== null && isValid && isEmpty(others) ? { correlationId: id, attempts } : null;
}

function readCancellation(given: unknown): Cancellation | null {
  const { correlationId, amount, ...others } = fieldsOf(given);
  const id = readId(correlationId);
  const amountCents = amount === undefined ? null : centsOf(amount);
  return id !== null && amountCents !== undefined && isEmpty(others)
    ? { correlationId: id, amountCents }
    : null;
}

function readNamed(given: unknown): NamedPayment | null {
  const { correlationId, ...others } = fieldsOf(given);
  const id = readId(correlationId);
  return id !== null && isEmpty(others) ? { correlationId: id } : null;
}

function fieldsOf(given: unknown): Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null ? { ...given } : {};
}

function readId(id: unknown): string | null {
  return typeof id === 'string' && isUuid(id) ? id.toLowerCase() : null;
}

/** Undefined: not a positive amount of whole cents. */
function centsOf(amount: unknown): number | undefined {
  return wholeOf(amount, 100) || undefined;
}

function isEmpty(others: object): boolean {
  return Object.keys(others).length === 0;
}

function invalid(field: string, what: string): Problem {
  return problem('action-not-valid', { field, detail: `\`${field}\` ${what}.` });
}

const WRONG_REOPENING = invalid(
  'payments',
  'must each have a `correlationId` and the `attempts` after which it was rejected, and nothing else',
);
const WRONG_NAME = invalid('payments', 'must each have a `correlationId`, and nothing else');
const WRONG_CANCELLATION = invalid(
  'payments',
  'must each have a `correlationId` and may have the `amount` that was posted, in whole cents, and nothing else',
);
