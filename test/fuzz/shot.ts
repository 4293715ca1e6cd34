import { parseWindow } from '../../src/core/time-window.ts';
import { uuidOf } from '../sim/profiles.ts';
import type { Random } from '../sim/random.ts';
import { type FuzzBody, validBody, wrongBody } from './body.ts';
import { decimalOf, drawPayment, type FuzzPayment, plainJson } from './payment.ts';

/** A request and its expected answers. */
export interface Shot {
  readonly kind: string;
  readonly bytes: Buffer;
  readonly statuses: readonly number[];
  /** The payment it makes if answered 202; null if it must not be. */
  readonly payment: FuzzPayment | null;
  /**
   * What may follow on its connection: anything; a request once this one is answered, because a gateway that waits for its
   * ledger reads nothing else meanwhile; or nothing, because the connection may be closed.
   */
  readonly then: 'anything' | 'once answered' | 'nothing';
  /** Its body, if it must be valid by openapi.yaml to be accepted. */
  readonly sent?: string;
}

/** Well-formed requests, each with a definite answer. */
export function drawShot(random: Random): Shot {
  const roll = random.next();
  if (roll < 0.04) return paymentShot(random);
  if (roll < 0.05) return keyedPayment(random);
  if (roll < 0.72) return wrongPayment(random);
  if (roll < 0.82) return badWindow(random);
  if (roll < 0.83) return window(random);
  if (roll < 0.87) return somePayment(random);
  if (roll < 0.93) return wrongMethod(random);
  if (roll < 0.97) return wrongPath(random);
  return batch(random);
}

export function paymentShot(random: Random, payment?: FuzzPayment): Shot {
  return post(random, validBody(random, payment), [202, 503]);
}

/** A payment with `Idempotency-Key`, beside `correlationId`, instead of it, or against it. */
function keyedPayment(random: Random): Shot {
  const payment = drawPayment(random);
  const { correlationId, amountCents } = payment;
  const [kind, status, key] = random.pick<readonly [kind: string, status: number, key: string]>([
    ['keyed', 202, correlationId],
    ['keyed', 202, `"${correlationId.toUpperCase()}"`],
    ['other key', 422, uuidOf(random)],
    ['bad key', 400, random.pick(['x', `"${correlationId}`, correlationId.slice(1), `${correlationId}, x`])],
  ]);
  const isPaid = status === 202;
  const text = isPaid && random.chance(0.5) ? `{"amount":${decimalOf(amountCents)}}` : plainJson(payment);
  const head = `POST /payments HTTP/1.1\r\n${headers(random)}Idempotency-Key: ${key}\r\n`;
  const bytes = counted(random, head, Buffer.from(text));
  const then = 'anything';
  return { kind, bytes, statuses: isPaid ? [202, 503] : [status], payment: isPaid ? payment : null, then };
}

function wrongPayment(random: Random): Shot {
  const body = wrongBody(random);
  return post(random, body, [body.status]);
}

function post(random: Random, body: FuzzBody, statuses: readonly number[]): Shot {
  const path = random.chance(0.9) ? '/payments' : '/payments?amount=5';
  const head = `POST ${path} HTTP/1.1\r\n${headers(random)}`;
  const bytes = random.chance(0.8) ? counted(random, head, body.bytes) : chunked(random, head, body.bytes);
  const then = body.status === 413 ? 'nothing' : 'anything';
  return { kind: body.kind, bytes, statuses, payment: body.payment, then };
}

function counted(random: Random, head: string, body: Buffer): Buffer {
  const name = random.pick(['Content-Length', 'content-length', 'CONTENT-LENGTH']);
  const value = `${random.pick(['', '', '000'])}${body.length}`;
  return Buffer.concat([
    Buffer.from(`${head}${name}:${random.pick(['', ' ', '   '])}${value}\r\n\r\n`),
    body,
  ]);
}

function chunked(random: Random, head: string, body: Buffer): Buffer {
  const parts: Buffer[] = [
    Buffer.from(`${head}Transfer-Encoding: ${random.pick(['chunked', 'Chunked', 'CHUNKED'])}\r\n\r\n`),
  ];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, random.int(1, 64));
    const sizeText = size.toString(16);
    parts.push(Buffer.from(`${random.chance(0.5) ? sizeText : sizeText.toUpperCase()}\r\n`));
    parts.push(body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function headers(random: Random): string {
  let lines = `Host: ${random.pick(['localhost', '127.0.0.1:9999', 'a', 'xn--gba.example'])}\r\n`;
  if (random.chance(0.5)) lines += `Content-Type: ${random.pick(CONTENT_TYPES)}\r\n`;
  if (random.chance(0.1))
    lines += `Accept: */*\r\nX-Forwarded-For: ${random.int(0, 999)}\r\nCookie: ${'c'.repeat(random.int(1, 500))}\r\n`;
  if (random.chance(0.05))
    lines += `Upgrade: ${random.pick(['websocket', 'h2c', 'TLS/1.0'])}\r\nConnection: Upgrade\r\n`;
  if (random.chance(0.03)) lines += 'Expect: 100-continue\r\n';
  if (random.chance(0.03))
    lines += Array.from({ length: random.int(1, 80) }, (_, index) => `X-${index}: ${index}\r\n`).join('');
  return lines;
}

const CONTENT_TYPES = [
  'application/json',
  'text/plain',
  'application/xml',
  '\xff',
  'multipart/form-data; boundary=x',
  '',
] as const;

/** A batch of lines of which none is a payment. */
function batch(random: Random): Shot {
  const lineCount = random.chance(0.05) ? random.int(501, 600) : random.int(0, 20);
  const lines = Array.from({ length: lineCount }, () => lineOf(random));
  const text = lines.join('\n') + random.pick(['', '\n']);
  const isTooLong = text.length > BATCH_BYTES;
  const status = isTooLong || lineCount > 500 ? 413 : text === '' ? 400 : 200;
  const head = `POST /payments-batch HTTP/1.1\r\n${headers(random)}`;
  const bytes = counted(random, head, Buffer.from(text, 'latin1'));
  const then = isTooLong ? 'nothing' : 'once answered';
  return { kind: 'batch', bytes, statuses: [status, 503], payment: null, then };
}

/** As in lb/nginx.conf and by default. */
const BATCH_BYTES = 131_072;

/** In one line, as Latin-1. A body that is only too large for `POST /payments` may be a payment here. */
function lineOf(random: Random): string {
  for (;;) {
    const { bytes, status } = wrongBody(random);
    if (status !== 413) return bytes.toString('latin1').replaceAll('\n', ' ');
  }
}

function badWindow(random: Random): Shot {
  const bound = random.pick(['from', 'to']);
  const query = random.chance(0.8)
    ? `${bound}=${random.pick(BAD_MOMENTS)}`
    : `${bound}=2025-07-15&${bound}=2025-07-16`;
  return ask('bad window', 'GET', `/payments-summary?${query}`, [400], 'anything');
}

const BAD_MOMENTS = [
  '0',
  'now',
  'NaN',
  '-1',
  '2025',
  '2025-07',
  '2025-02-30',
  '2025-13-01',
  '2025-00-00',
  '2025-07-15T24:00:00Z',
  '2025-07-15T12:60:00Z',
  '2025-07-15T12:00:60Z',
  '275760-09-13T00:00:00Z',
  '+012025-07-15T00:00:00Z',
  '99999-01-01',
  '2025-07-15T12:00:00.0000000000Z',
  '2025-07-15T12:00:00%2B24:00',
  '2025-07-15T12:00:00X',
  '1e308',
  '%00',
  '%FF%FE',
  '2025-07-15%0A',
  '%D9%A2025-07-15',
  '253402300800000',
  "'--",
  '2025/07/15',
  '9'.repeat(1500),
] as const;

function window(random: Random): Shot {
  const query = `from=${random.pick(MOMENTS)}&to=${random.pick(MOMENTS)}`;
  if (parseWindow(query).kind === 'bad')
    return ask('window', 'GET', `/payments-summary?${query}`, [400], 'anything');
  // 422: a bound is too fine for what has been folded.
  return ask('window', 'GET', `/payments-summary?${query}`, [200, 422, 503], 'once answered');
}

const MOMENTS = [
  '',
  '0000-01-01',
  '9999-12-31T23:59:59.999999999-23:59',
  '1969-12-31T23:59:59Z',
  '2000-02-29',
  '2099-01-01T00:00Z',
  '0000-01-01T00:00:00+23:59',
  '2025-07-15T12:34:56.789%2B03:00',
  '%32025-07-15',
  '1582-10-10',
] as const;

function somePayment(random: Random): Shot {
  if (random.chance(0.1)) {
    return ask('no such payment', 'GET', `/payments/${uuidOf(random)}`, [404, 503], 'once answered');
  }
  const id = random.pick([
    'x',
    uuidOf(random).slice(1),
    `${uuidOf(random)}0`,
    '%ff',
    '-'.repeat(36),
    '%2f',
    '..',
  ]);
  return ask('bad id', 'GET', `/payments/${id}`, [404], 'anything');
}

function wrongMethod(random: Random): Shot {
  const [method, path] = random.pick<readonly [string, string]>([
    ['PUT', '/payments'],
    ['DELETE', '/payments'],
    ['PATCH', '/payments'],
    ['OPTIONS', '/payments'],
    ['POST', '/payments-summary'],
    ['DELETE', '/payments-summary'],
    ['GET', '/purge-payments'],
    ['PUT', '/purge-payments'],
    ['POST', '/livez'],
    ['GET', '/payments-batch'],
    ['PUT', '/payments-batch'],
    ['PROPFIND', '/readyz'],
    ['PURGE', '/payments'],
    ['X', '/payments'],
  ]);
  return ask('wrong method', method, path, [405], 'anything');
}

function wrongPath(random: Random): Shot {
  const path = random.pick([
    '/',
    '/payments/',
    '/Payments',
    '/PAYMENTS',
    '//payments',
    '/payments//',
    '/payments/a/b',
    '/admin/purge-payments',
    '/payments-summary/',
    '/%70ayments',
    '/payments%2f',
    '/payments;x=1',
    '/./payments',
    '/a/../payments',
    '/favicon.ico',
    '/.nginx/bad-request',
    '/etc/passwd',
    `/${'a'.repeat(random.int(1, 2500))}`,
    '/payments%20',
    '/*',
  ]);
  // `/` leads to the dashboard, which is for clients of this machine.
  return ask('wrong path', 'GET', path, path === '/' ? [302, 403] : [404], 'anything');
}

function ask(
  kind: string,
  method: string,
  path: string,
  statuses: readonly number[],
  then: Shot['then'],
): Shot {
  const length = method === 'GET' ? '' : 'Content-Length: 0\r\n';
  const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: a\r\n${length}\r\n`, 'latin1');
  return { kind, bytes, statuses, payment: null, then };
}
