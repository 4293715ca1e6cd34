import type { Address } from '../core/address.ts';
import { isUuid } from '../core/uuid.ts';
import { Exchange, type Headers } from '../http/exchange.ts';
import { createApp, type HttpRequest, listen, type WebApp } from '../http/uws.ts';
import { readFault } from './fault.ts';
import type { SimulatedProcessor } from './processor.ts';
import { answer, BAD_REQUEST, type Reply, statusLine } from './reply.ts';
import { member, parseMoment, readInt32, readObject } from './request.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
const PAGE_DEFAULT = 10_000;
const PAGE_LIMIT = 100_000;
const CHARGE_DELAY_LIMIT_MS = 600_000;

const JSON_HEADERS: Headers = [['Content-Type', 'application/json; charset=utf-8']];
const UNAUTHORIZED = answer(401);

export type Served =
  | {
      readonly kind: 'serving';
      /** With the actual port. */
      readonly address: Address;
      /** Closes everything at once, including calls in flight. */
      close(): void;
    }
  | { readonly kind: 'failed'; readonly reason: string };

/** Serves the simulated processor over HTTP, with the paths of its contract and of the official one's administration, and some for tests under /admin. */
export async function serve(processor: SimulatedProcessor, address: Address): Promise<Served> {
  const app = createApp();
  routePayments(app, processor);
  routeAdministration(app, processor);
  routeTests(app, processor);
  routeRest(app, processor);
  const listened = await listen(app, address);
  if (listened.kind === 'failed') {
    app.close();
    return listened;
  }
  const { listener } = listened;
  const close = () => {
    listener.close();
    app.close();
  };
  return { kind: 'serving', address: listener.address, close };
}

function routePayments(app: WebApp, processor: SimulatedProcessor): void {
  app.post('/payments', (response, request) => {
    const exchange = new Exchange(response);
    const isJson = saysJson(request);
    exchange.readBody(BODY_LIMIT_BYTES, (body) => {
      if (body === null) return refuseBody(exchange);
      if (!isJson && body.byteLength > 0) return refuseType(exchange);
      const payment = processor.contract.readPayment(body);
      if (payment === null) return send(exchange, BAD_REQUEST);
      exchange.onGone(processor.pay(payment, (reply) => send(exchange, reply)));
    });
  });
  app.get(processor.contract.healthPath, (response) => send(new Exchange(response), processor.health()));
  app.get('/payments/:id', (response, request) => {
    const exchange = new Exchange(response);
    const id = request.getParameter(0) ?? '';
    if (!isUuid(id)) return send(exchange, BAD_REQUEST);
    exchange.onGone(processor.find(id.toLowerCase(), (reply) => send(exchange, reply)));
  });
}

function routeAdministration(app: WebApp, processor: SimulatedProcessor): void {
  app.get('/admin/payments-summary', (response, request) => {
    const isAllowed = authorized(processor, request);
    const bounds = new URLSearchParams(request.getQuery());
    const from = bounds.get('from') || null;
    const to = bounds.get('to') || null;
    const fromMs = from === null ? null : parseMoment(from, 'up');
    const toMs = to === null ? null : parseMoment(to, 'down');
    const isMalformed = (from !== null && fromMs === null) || (to !== null && toMs === null);
    const exchange = new Exchange(response);
    if (!isAllowed) return send(exchange, UNAUTHORIZED);
    send(exchange, isMalformed ? BAD_REQUEST : processor.summary(fromMs, toMs));
  });
  routePut(app, processor, '/admin/configurations/token', (members) => {
    const token = member(members, 'token');
    return typeof token === 'string' ? () => processor.configureToken(token) : null;
  });
  routePut(app, processor, '/admin/configurations/delay', (members) => {
    const delayMs = readInt32(member(members, 'delay'));
    return delayMs === null ? null : () => processor.configureDelay(delayMs);
  });
  routePut(app, processor, '/admin/configurations/failure', (members) => {
    const failing = member(members, 'failure') ?? false;
    if (typeof failing !== 'boolean' || member(members, 'failure') === null) return null;
    return () => processor.configureFailure(failing);
  });
  app.post('/admin/purge-payments', (response, request) => {
    const isAllowed = authorized(processor, request);
    send(new Exchange(response), isAllowed ? processor.purge() : UNAUTHORIZED);
  });
}

/** These are not in the official contract. */
function routeTests(app: WebApp, processor: SimulatedProcessor): void {
  routePut(app, processor, '/admin/faults', (members) => {
    const fault = readFault(members);
    return fault === null ? null : () => processor.configureFault(fault);
  });
  routePut(app, processor, '/admin/charging', ({ delayMs, declines = false }) => {
    const isDelay = typeof delayMs === 'number' && isWithin(delayMs, CHARGE_DELAY_LIMIT_MS);
    return isDelay && typeof declines === 'boolean'
      ? () => processor.configureCharging({ delayMs, declines })
      : null;
  });
  app.get('/admin/payments', (response, request) => {
    const isAllowed = authorized(processor, request);
    const offset = Number(request.getQuery('offset') ?? 0);
    const limit = Number(request.getQuery('limit') ?? PAGE_DEFAULT);
    const isSound = isWithin(offset, Number.MAX_SAFE_INTEGER) && isWithin(limit, PAGE_LIMIT);
    const exchange = new Exchange(response);
    if (!isAllowed) return send(exchange, UNAUTHORIZED);
    send(exchange, isSound ? processor.list(offset, limit) : BAD_REQUEST);
  });
  app.get('/admin/health-calls', (response, request) => {
    const isAllowed = authorized(processor, request);
    send(new Exchange(response), isAllowed ? processor.healthCalls() : UNAUTHORIZED);
  });
}

const ALLOWED_METHODS = [
  ['/payments', 'POST'],
  ['/payments/:id', 'GET'],
  ['/admin/payments-summary', 'GET'],
  ['/admin/configurations/token', 'PUT'],
  ['/admin/configurations/delay', 'PUT'],
  ['/admin/configurations/failure', 'PUT'],
  ['/admin/purge-payments', 'POST'],
  ['/admin/faults', 'PUT'],
  ['/admin/charging', 'PUT'],
  ['/admin/payments', 'GET'],
  ['/admin/health-calls', 'GET'],
] as const;

function routeRest(app: WebApp, { contract }: SimulatedProcessor): void {
  for (const [path, method] of [[contract.healthPath, 'GET'], ...ALLOWED_METHODS] as const) {
    app.any(path, (response) =>
      new Exchange(response).end('405 Method Not Allowed', [['Allow', method]], ''),
    );
  }
  app.any('/*', (response) => send(new Exchange(response), answer(404)));
}

/** Like the official processor, reads the body before checking the token. `read` returns the change; null: invalid. */
function routePut(
  app: WebApp,
  processor: SimulatedProcessor,
  path: string,
  read: (members: Readonly<Record<string, unknown>>) => (() => Reply) | null,
): void {
  app.put(path, (response, request) => {
    const exchange = new Exchange(response);
    const isJson = saysJson(request);
    const token = request.getHeader('x-rinha-token');
    exchange.readBody(BODY_LIMIT_BYTES, (body) => {
      if (body === null) return refuseBody(exchange);
      if (!isJson && body.byteLength > 0) return refuseType(exchange);
      const members = readObject(body);
      const configure = members === null ? null : read(members);
      if (configure === null) return send(exchange, BAD_REQUEST);
      send(exchange, processor.authorizes(token) ? configure() : UNAUTHORIZED);
    });
  });
}

function authorized(processor: SimulatedProcessor, request: HttpRequest): boolean {
  return processor.authorizes(request.getHeader('x-rinha-token'));
}

function saysJson(request: HttpRequest): boolean {
  return /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(request.getHeader('content-type'));
}

function isWithin(value: number, limit: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= limit;
}

function refuseBody(exchange: Exchange): void {
  exchange.end('413 Content Too Large', [], '', true);
}

function refuseType(exchange: Exchange): void {
  exchange.end('415 Unsupported Media Type', [], '');
}

function send(exchange: Exchange, reply: Reply): void {
  switch (reply.kind) {
    case 'answer':
      sendAnswer(exchange, reply);
      break;
    case 'drop':
      exchange.drop();
      break;
    case 'garbage':
      exchange.end('\u0007 garbage', [], 'garbage');
      break;
    case 'half':
      exchange.endBroken('200 OK', JSON_HEADERS, '{"message":"payment pro');
      break;
  }
}

function sendAnswer(
  exchange: Exchange,
  { status, body, retryAfterS }: Extract<Reply, { kind: 'answer' }>,
): void {
  const line = statusLine(status);
  if (retryAfterS !== null) exchange.end(line, [['Retry-After', String(retryAfterS)]], body ?? '');
  else if (body !== null) exchange.end(line, JSON_HEADERS, body);
  else exchange.end(line, [], status === 204 ? null : '');
}
