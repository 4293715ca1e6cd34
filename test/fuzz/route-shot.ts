import { followed, type Operation, operationsOf, type Part, partOf } from '../../scripts/openapi.ts';
import { contract } from '../contract/kept.ts';
import type { Random } from '../sim/random.ts';
import { drawValue } from './schema-value.ts';
import type { Shot } from './shot.ts';

/** The token of the gateways of a campaign. */
export const TOKEN = 'a-token-for-the-fuzzer';

/** A request, before it is written as bytes. */
interface Request {
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: unknown;
}

type Restraint = (random: Random, request: Request) => Request;

const asDrawn: Restraint = (_, request) => request;

/**
 * Every route that changes something, with what keeps its requests from changing what becomes of the campaign's payments,
 * all of which must be charged. Null: `shot.ts` draws them, and knows which payments they make.
 */
const RESTRAINTS: Readonly<Record<string, Restraint | null>> = {
  'POST /payments': null,
  'POST /payments-batch': null,
  // Its ids are drawn, so they are those of no payment.
  'POST /actions': asDrawn,
  'POST /dashboard/api/actions': asDrawn,
  // The gateways do not allow it.
  'POST /purge-payments': asDrawn,
  'POST /processors': neverInTime,
  'POST /dashboard/processors': neverInTime,
  'PATCH /processors/{name}': inVain,
  'PATCH /dashboard/processors/{name}': inVain,
  'PATCH /webhooks/{name}': asDrawn,
  'PATCH /dashboard/api/webhooks/{name}': asDrawn,
  'POST /processors/{name}/callback': asDrawn,
  'POST /dashboard/session': asDrawn,
};

/** A processor that is paused, removed or limited might charge nothing. */
function inVain(random: Random, request: Request): Request {
  const { paused, removed, limits } = (request.body ?? {}) as Readonly<Record<string, unknown>>;
  const isHarmless = paused !== true && removed !== true && (limits === undefined || limits === null);
  return isHarmless ? request : neverInTime(random, request);
}

/** The change names a version that there never is. */
function neverInTime(random: Random, request: Request): Request {
  return { ...request, headers: [`If-Match: "${random.pick(['999999999', 'x', ''])}"`] };
}

const { document } = contract;

interface Route {
  readonly name: string;
  readonly operation: Operation;
  readonly restrain: Restraint;
}

/** Every route of openapi.yaml that `shot.ts` does not draw. */
export const ROUTES = operationsOf(document).flatMap((operation): Route[] => {
  const name = `${operation.method.toUpperCase()} ${operation.path}`;
  const restrain = operation.method === 'get' ? asDrawn : RESTRAINTS[name];
  if (restrain === undefined)
    throw new Error(`test/fuzz/route-shot.ts: add ${name} to RESTRAINTS, because it changes something`);
  return restrain === null ? [] : [{ name, operation, restrain }];
}) as [Route, ...Route[]];
const CHANGES = ROUTES.filter(({ operation }) => operation.method !== 'get') as [Route, ...Route[]];

/** A request to any route of openapi.yaml, with parameters and a body that mostly fit it, mostly by an operator. */
export function drawRouteShot(random: Random): Shot {
  const { name, operation, restrain } = random.pick(random.chance(0.5) ? CHANGES : ROUTES);
  const { target, headers, body } = restrain(random, drawRequest(random, operation));
  const method = operation.method.toUpperCase();
  const text = body === undefined ? '' : written(random, operation, body);
  const length = method === 'GET' ? '' : `Content-Length: ${Buffer.byteLength(text)}\r\n`;
  const lines = [...headers, ...access(random)].map((line) => `${line}\r\n`).join('');
  const bytes = Buffer.from(
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${lines}${length}\r\n${text}`,
  );
  const statuses = Object.keys(partOf(operation.part['responses'])).map(Number);
  // A body that is too long, and a stream of events, end the connection.
  const then = bytes.length > LAST_BYTES || operation.path === '/events' ? 'nothing' : 'once answered';
  return {
    kind: name,
    bytes,
    statuses,
    payment: null,
    then,
    sent: text,
  };
}

/** Less than any limit of a body. */
const LAST_BYTES = 1_024;

function drawRequest(random: Random, { path, part }: Operation): Request {
  const parameters = ((part['parameters'] ?? []) as readonly Part[]).map((one) => followed(document, one));
  const drawOne = (one: Part) => encodeURIComponent(safe(drawValue(random, document, one['schema'])));
  const drawn = (kind: string) => parameters.filter((one) => one['in'] === kind && random.chance(0.3));
  const query = drawn('query').map((one) => `${one['name']}=${drawOne(one)}`);
  if (random.chance(0.05)) query.push(random.pick(['', 'x', 'x=1', '%', '%ff=%', 'from=&from=']));
  const target = path.replaceAll(/(\w+)\/\{(\w+)\}/g, (_, folder: string, name: string) => {
    const known = KNOWN[folder];
    const isKnown = known !== undefined && random.chance(0.8);
    const one = parameters.find((other) => other['name'] === name);
    return `${folder}/${isKnown ? random.pick(known) : (one && drawOne(one)) || 'x'}`;
  });
  const content = partOf(partOf(part['requestBody'] ?? {})['content'] ?? {});
  const [media] = Object.values(content);
  return {
    target: query.length > 0 ? `${target}?${query.join('&')}` : target,
    headers: drawn('header').map((one) => `${one['name']}: ${drawOne(one)}`),
    body: media === undefined ? undefined : drawValue(random, document, partOf(media)['schema']),
  };
}

/** What there is below a path. */
const KNOWN: Readonly<Record<string, readonly [string, ...string[]]>> = {
  processors: ['default', 'fallback'],
  webhooks: ['shop'],
  dashboard: ['page.css', 'main.js'],
};

/** Without lone surrogates, which cannot be encoded in a URL. */
function safe(value: unknown): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed();
}

/** The body as its media type is written, at times broken. */
function written(random: Random, { part }: Operation, body: unknown): string {
  const types = Object.keys(partOf(partOf(part['requestBody'])['content']));
  const isForm = types.includes('application/x-www-form-urlencoded') && typeof body === 'object';
  const text = isForm
    ? String(new URLSearchParams({ ...body } as Record<string, string>))
    : JSON.stringify(body);
  if (random.chance(0.9)) return text;
  const at = random.int(0, text.length);
  return random.pick([text.slice(0, at), `${text.slice(0, at)}\0${text.slice(at)}`, text.padEnd(20_000), '']);
}

function access(random: Random): string[] {
  const good = random.chance(0.6);
  const authorization = good
    ? `Bearer ${TOKEN}`
    : random.pick(['Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, '']);
  const origin = random.chance(0.05) ? ['Origin: https://elsewhere.example'] : [];
  return authorization === '' ? origin : [`Authorization: ${authorization}`, ...origin];
}
