import type { Random } from '../sim/random.ts';
import { type FuzzPayment, plainJson } from './payment.ts';
import { drawShot } from './shot.ts';

/** Malformed HTTP/1.1, or HTTP that servers interpret differently. Sent on a connection of its own. */
export interface WildShot {
  readonly kind: string;
  readonly bytes: Buffer;
  /** A payment in the bytes: a server that finds it must answer it. Null if there is none. */
  readonly payment: FuzzPayment | null;
}

/** Draws a request, which may contain `payment`. */
export function drawWildShot(random: Random, payment: FuzzPayment): WildShot {
  if (random.chance(0.4)) return { kind: 'mutated', bytes: mutated(random), payment: null };
  const [kind, draw] = random.pick(WILD);
  return { kind, bytes: Buffer.from(draw(random, payment), 'latin1'), payment };
}

type Draw = (random: Random, payment: FuzzPayment) => string;

const HOST = 'Host: a\r\n';

/** A well-formed request with a payment. */
function whole(payment: FuzzPayment): string {
  const body = plainJson(payment);
  return `POST /payments HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** A post with these framing headers and a payment as body. */
function paying(payment: FuzzPayment, framing: string): string {
  return `POST /payments HTTP/1.1\r\n${HOST}${framing}\r\n${plainJson(payment)}`;
}

function inChunks(payment: FuzzPayment, framing: string, end = '0\r\n\r\n'): string {
  const body = plainJson(payment);
  return `POST /payments HTTP/1.1\r\n${HOST}${framing}\r\n${body.length.toString(16)}\r\n${body}\r\n${end}`;
}

/** A post that is not a payment and hides one, either in its body or after it, depending on the framing. */
function hiding(payment: FuzzPayment, framing: (lengthBytes: number) => string, before: string): string {
  const hidden = before + whole(payment);
  return `POST /payments HTTP/1.1\r\n${HOST}${framing(hidden.length)}\r\n${hidden}`;
}

const CHUNKED_VARIANTS = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: "chunked"',
  ' Transfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding\r\n: chunked',
  'Transfer-Encoding: chunk',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:\r\n chunked',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'TE: chunked',
] as const;

const BAD_LENGTHS = [
  '-1',
  '+70',
  '0x46',
  '7e1',
  '70,70',
  '70, 5',
  '',
  ' ',
  '99999999999999999999999',
  '18446744073709551616',
  '4294967366',
  '70abc',
  '7 0',
  '٧٠',
] as const;

const WILD: readonly [readonly [string, Draw], ...(readonly [string, Draw])[]] = [
  [
    'CL.TE',
    (_, payment) =>
      hiding(payment, (length) => `Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n'),
  ],
  [
    'TE.CL',
    (_, payment) => {
      const hidden = whole(payment);
      return `POST /payments HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    },
  ],
  [
    'TE variant',
    (random, payment) => {
      const variant = random.pick(CHUNKED_VARIANTS);
      return hiding(payment, (length) => `${variant}\r\nContent-Length: ${length}\r\n`, '0\r\n\r\n');
    },
  ],
  ['TE alone', (random, payment) => inChunks(payment, `${random.pick(CHUNKED_VARIANTS)}\r\n`)],
  [
    'two lengths',
    (random, payment) => {
      const lengths = (length: number) => (random.chance(0.5) ? [0, length] : [length, 0]);
      return hiding(
        payment,
        (length) =>
          lengths(length)
            .map((value) => `Content-Length: ${value}\r\n`)
            .join(''),
        '',
      );
    },
  ],
  ['bad length', (random, payment) => paying(payment, `Content-Length: ${random.pick(BAD_LENGTHS)}\r\n`)],
  ['length and space', (_, payment) => hiding(payment, (length) => `Content-Length : ${length}\r\n`, '')],
  [
    'body on GET',
    (_, payment) =>
      hiding(payment, (length) => `Content-Length: ${length}\r\n`, '').replace(
        'POST /payments',
        'GET /livez',
      ),
  ],
  ['no length', (_, payment) => paying(payment, '')],
  [
    'fold',
    (random, payment) =>
      paying(
        payment,
        `X: a\r\n${random.pick([' ', '\t'])}b\r\nContent-Length: ${plainJson(payment).length}\r\n`,
      ),
  ],
  ['folded length', (_, payment) => paying(payment, `Content-Length:\r\n ${plainJson(payment).length}\r\n`)],
  ['bare LF', (_, payment) => whole(payment).replaceAll('\r\n', '\n')],
  [
    'some bare LF',
    (random, payment) => whole(payment).replaceAll('\r\n', () => random.pick(['\r\n', '\n', '\r\n'])),
  ],
  ['bare CR', (_, payment) => whole(payment).replaceAll('\r\n', '\r')],
  [
    'chunk extension',
    (random, payment) =>
      inChunks(payment, 'Transfer-Encoding: chunked\r\n').replace(
        /(\r\n\r\n\w+)/,
        `$1${random.pick([';a=b', ';', '; a="\\""', ';\n', ' '])}`,
      ),
  ],
  ['trailer', (_, payment) => inChunks(payment, 'Transfer-Encoding: chunked\r\n', '0\r\nX: y\r\n\r\n')],
  ['trailer request', (_, payment) => hiding(payment, () => 'Transfer-Encoding: chunked\r\n', '0\r\n')],
  [
    'chunk size',
    (random, payment) =>
      inChunks(payment, 'Transfer-Encoding: chunked\r\n').replace(
        /\r\n\r\n\w+/,
        `\r\n\r\n${random.pick(CHUNK_SIZES)}`,
      ),
  ],
  [
    'chunk end',
    (random, payment) =>
      inChunks(payment, 'Transfer-Encoding: chunked\r\n').replace(
        '}\r\n',
        `}${random.pick(['', '\n', '\r', 'xx', 'x\r\n'])}`,
      ),
  ],
  [
    'HTTP/1.0',
    (random, payment) =>
      whole(payment).replace('HTTP/1.1', random.pick(['HTTP/1.0', 'HTTP/1.0\r\nConnection: keep-alive'])),
  ],
  [
    'version',
    (random, payment) =>
      whole(payment).replace(
        'HTTP/1.1',
        random.pick([
          'HTTP/2.0',
          'HTTP/9.9',
          'HTTP/1.2',
          'HTTP/1.',
          'HTTP/0.9',
          'http/1.1',
          'HTTP/1.1x',
          'HTTPS/1.1',
          'HTTP/11',
          '',
        ]),
      ),
  ],
  [
    'absolute',
    (random, payment) =>
      whole(payment).replace(
        '/payments',
        random.pick([
          'http://a/payments',
          'HTTP://a:9999/payments',
          'http://a',
          'https://u:p@a/payments',
          'ftp://a/',
        ]),
      ),
  ],
  ['target', (random) => `GET ${random.pick(TARGETS)} HTTP/1.1\r\n${HOST}\r\n`],
  [
    'method',
    (random) =>
      `${random.pick(['get', 'CONNECT', 'TRACE', 'HEAD', 'G ET', 'G\0T', '', ' GET', 'GET\t', 'É'])} /livez HTTP/1.1\r\n${HOST}\r\n`,
  ],
  [
    'host',
    (random) =>
      `GET /livez HTTP/1.1\r\n${random.pick(['', 'Host: a\r\nHost: b\r\n', 'Host:\r\n', 'Host: a b\r\n', 'Host: a/b\r\n', 'Host: a\0\r\n', 'Host: \xff\r\n'])}\r\n`,
  ],
  [
    'header',
    (random, payment) =>
      whole(payment).replace(
        'Host',
        `${random.pick(['Xab', ': x', 'X Y: z', 'X\0Y: z', 'X: \0', 'X: \x7f', '\xff: y', 'X: a\rb', '@: y', 'Content-Length'])}\r\nHost`,
      ),
  ],
  [
    'header flood',
    (random) =>
      `GET /livez HTTP/1.1\r\n${HOST}${Array.from({ length: random.int(90, 3000) }, (_, index) => `X${index}: y\r\n`).join('')}\r\n`,
  ],
  [
    'long header',
    (random, payment) => whole(payment).replace('Host', `X: ${'x'.repeat(random.int(2000, 40_000))}\r\nHost`),
  ],
  ['long line', (random) => `GET /${'%41'.repeat(random.int(900, 20_000))} HTTP/1.1\r\n${HOST}\r\n`],
  [
    'large body',
    (random) =>
      `POST /payments HTTP/1.1\r\n${HOST}Content-Length: 200000\r\n\r\n${' '.repeat(random.int(1, 200_000))}`,
  ],
  [
    'endless chunks',
    (random) =>
      `POST /payments HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(random.int(1, 20_000))}`,
  ],
  [
    'upgrade',
    (random) =>
      `${random.pick(['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET /livez HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n'])}`,
  ],
  [
    'expect',
    (random, payment) =>
      whole(payment).replace(
        'Host',
        `Expect: ${random.pick(['200-ok', '', '100-continue, x', '100-Continue'])}\r\nHost`,
      ),
  ],
  ['proxy', (_, payment) => `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${whole(payment)}`],
  [
    'not HTTP',
    (random) =>
      random.pick([
        '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
        'SSH-2.0-x\r\n',
        '*1\r\n$4\r\nPING\r\n',
        '\r\n\r\n\r\n',
        '\0',
        '{}',
      ]),
  ],
  ['lines first', (random, payment) => '\r\n'.repeat(random.int(1, 4)) + whole(payment)],
];

const CHUNK_SIZES = [
  'zz',
  '-1',
  '+46',
  '0x46',
  'fffffffffffffffff',
  '80000000',
  '7fffffffffffffff',
  '46 ',
  ' 46',
  '1',
  '00000000000000000000046',
  '',
] as const;

const TARGETS = [
  '*',
  'livez',
  '//',
  '/../../livez',
  '/%zz',
  '/%',
  '/%00',
  '/livez#x',
  '/a b',
  '/\0',
  '/\xff',
  '\\livez',
  '/livez?\r',
  '?',
  'http:',
  '/%2e%2e/%2e%2e/x',
  '/..',
] as const;

/** A well-formed request without a payment, with some bytes changed. No such change can create a payment. */
function mutated(random: Random): Buffer {
  let shot = drawShot(random);
  while (shot.payment !== null || !UNPAYABLE.has(shot.kind)) shot = drawShot(random);
  let bytes = shot.bytes;
  for (let times = random.int(1, 4); times > 0; times--) bytes = mutatedOnce(random, bytes);
  return bytes;
}

/** Kinds that a few changed bytes cannot turn into a payment. */
const UNPAYABLE = new Set([
  'no object',
  'no id',
  'no amount',
  'bad window',
  'window',
  'bad id',
  'wrong method',
  'wrong path',
]);

const MUTATIONS = ['change', 'insert', 'remove', 'repeat', 'cut'] as const;

function mutatedOnce(random: Random, bytes: Buffer): Buffer {
  const at = random.int(0, bytes.length - 1);
  const end = Math.min(bytes.length, at + random.int(1, 20));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.pick(MUTATIONS)) {
    case 'change':
      return Buffer.concat([before, Buffer.of(random.int(0, 255)), bytes.subarray(at + 1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(random.pick(MARKS), 'latin1'), bytes.subarray(at)]);
    case 'remove':
      return bytes.length > end - at ? Buffer.concat([before, after]) : bytes;
    case 'repeat':
      return Buffer.concat([before, part, part, after]);
    case 'cut':
      return at > 0 ? before : bytes;
  }
}

const MARKS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ':',
  ',',
  '\t',
  '\x80',
  '\r\n\r\n',
  '0\r\n\r\n',
  '%',
  '"',
  '{',
  '}',
] as const;
