import {
  choice,
  invalidOption,
  memberName,
  members,
  names,
  type Option,
  type OptionValues,
  readOptions,
  text,
} from './options.ts';
import { isStatuses, STATUSES } from './rest-statuses.ts';

const PATH = /^\/(?!\/)[!-~]{0,500}$/;
const PATH_WITH_ID = /^\/(?!\/)(?=.*\{id\})[!-~]{0,500}$/;
const NO_PATH_OR_PATH = /^$|^\/(?!\/)[!-~]{0,500}$/;
const NO_NAME_OR_NAME = /^[^\p{C}]{0,100}$/u;
const HEADER_NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]{1,100}$/;
const HEADER_VALUE = /^[\t -~]{0,1000}$/;
/** The client or the contract writes these. */
const TAKEN_HEADERS = new Set([
  'accept',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'traceparent',
  'transfer-encoding',
]);

type Scalar = string | number | boolean;

/** The options of the contract `rest`. */
export const REST_OPTIONS = {
  payMethod: choice(['POST', 'PUT'], 'POST', 'the method of a payment request'),
  payPath: text(
    PATH,
    '/payments',
    'a path that begins with one `/`',
    'where a payment is sent; `{id}` stands for its id',
  ),
  findPath: text(
    PATH_WITH_ID,
    '/payments/{id}',
    'a path that begins with one `/` and contains `{id}`',
    'where a payment is looked up, with its id in the path or in the query',
  ),
  healthPath: text(
    NO_PATH_OR_PATH,
    '',
    'a path that begins with one `/`',
    'a health route: any 2xx is well, any 5xx is failing; without one, only calls tell',
  ),
  idField: memberName('correlationId', 'the member with our id, in requests and answers'),
  amountField: memberName('amount', 'the member with the amount, in requests and answers'),
  amountFormat: choice(
    ['decimal', 'string', 'cents'],
    'decimal',
    'how an amount is written: `19.90`, `"19.90"` or `1990`',
  ),
  timestampField: text(
    NO_NAME_OR_NAME,
    'requestedAt',
    'a name of at most 100 characters',
    'the member with the time of the request (ISO 8601, UTC); empty: not sent and not read',
  ),
  body: members(
    isConstant,
    'members that are text, numbers or booleans',
    'constant members of a payment request',
  ),
  headers: members(
    isHeader,
    'header names and values without line breaks, and none that the gateway writes itself',
    'constant headers of every request',
  ),
  idempotencyHeader: text(
    /^$|^[!#$%&'*+.^_`|~\dA-Za-z-]{1,100}$/,
    'Idempotency-Key',
    'the name of a header',
    'the header with our id in a payment request; empty: none',
  ),
  answers: choice(
    ['json', 'any'],
    'json',
    "which answers are the processor's own: only JSON (and an empty 2xx), or all except HTML; others come from a proxy and prove nothing",
  ),
  statuses: STATUSES,
  absentStatuses: {
    default: [404],
    expected: 'a list of statuses from 200 to 599',
    about: 'the answers to a look-up that say that the processor does not hold the payment',
    read: (value) => (isStatuses(value) ? value : undefined),
  } satisfies Option<readonly number[]>,
  absentBody: members(
    isConstant,
    'members that are text, numbers or booleans',
    'what the body of such an answer must contain, such as `code: payment_not_found`, if a proxy may answer 404 as well',
  ),
};

/** The options of the contract `rest-async`. */
export const REST_ASYNC_OPTIONS = {
  ...REST_OPTIONS,
  stateField: memberName('status', 'the member with the state of the payment'),
  pendingStates: names(['pending'], 'the states of a payment that is accepted and not charged yet'),
  succeededStates: names(['succeeded'], 'the states of a payment that is charged'),
  failedStates: names(['failed'], 'the states of a payment that will never be charged'),
  reasonField: memberName('reason', 'the member that says why a payment failed'),
  callbackIdField: text(
    NO_NAME_OR_NAME,
    '',
    'a name of at most 100 characters',
    'the member of a callback with our id; empty: `idField`',
  ),
};

export type RestOptions = OptionValues<typeof REST_OPTIONS>;
export type RestAsyncOptions = OptionValues<typeof REST_ASYNC_OPTIONS>;

export function readRestOptions(given: Readonly<Record<string, unknown>>): RestOptions {
  const options = readOptions('rest', REST_OPTIONS, given);
  checkFields('rest', options);
  return options;
}

export function readRestAsyncOptions(given: Readonly<Record<string, unknown>>): RestAsyncOptions {
  const options = readOptions('rest-async', REST_ASYNC_OPTIONS, given);
  checkFields('rest-async', options);
  const states = [...options.pendingStates, ...options.succeededStates, ...options.failedStates];
  const twice = states.find((state, index) => states.indexOf(state) !== index);
  if (twice !== undefined) {
    throw invalidOption(
      'rest-async',
      'failedStates',
      options.failedStates,
      `each state in one list, not ${twice} in two`,
    );
  }
  return options;
}

/** No two parts of a request may have the same name. */
function checkFields(
  contract: string,
  { idField, amountField, timestampField, body, ...rest }: RestOptions,
): void {
  const different = 'a name that no other member of the request has';
  if (amountField === idField) throw invalidOption(contract, 'amountField', amountField, different);
  if (timestampField === idField || timestampField === amountField) {
    throw invalidOption(contract, 'timestampField', timestampField, different);
  }
  const taken = [idField, amountField, timestampField].find((name) => Object.hasOwn(body, name));
  if (taken !== undefined)
    throw invalidOption(contract, 'body', body, `no member ${taken}, which is the payment's`);
  const isTaken = Object.keys(rest.headers).some((name) => sameHeader(name, rest.idempotencyHeader));
  if (isTaken || TAKEN_HEADERS.has(rest.idempotencyHeader.toLowerCase())) {
    throw invalidOption(
      contract,
      'idempotencyHeader',
      rest.idempotencyHeader,
      'a header that is not sent for another purpose',
    );
  }
}

function sameHeader(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function isConstant(_: string, value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

function isHeader(name: string, value: unknown): value is string {
  const isFree = HEADER_NAME.test(name) && !TAKEN_HEADERS.has(name.toLowerCase());
  return isFree && typeof value === 'string' && HEADER_VALUE.test(value);
}
