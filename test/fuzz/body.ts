import { uuidOf } from '../sim/profiles.ts';
import type { Random } from '../sim/random.ts';
import { decimalOf, drawPayment, type FuzzPayment, plainJson } from './payment.ts';

/** The body of a `POST /payments` and the expected status; where 202 is expected, 503 is allowed too. */
export interface FuzzBody {
  readonly kind: string;
  readonly bytes: Buffer;
  readonly status: 202 | 400 | 413 | 422;
  /** The payment it makes if accepted; null if it must not be accepted. */
  readonly payment: FuzzPayment | null;
}

/** A payment in one of its many JSON spellings. */
export function validBody(random: Random, payment = drawPayment(random)): FuzzBody {
  const text = random.chance(0.5) ? plainJson(payment) : spelled(random, payment);
  return { kind: 'valid', bytes: Buffer.from(text), status: 202, payment };
}

/** A body that is not a payment, however it is parsed. */
export function wrongBody(random: Random): FuzzBody {
  const [kind, status, draw] = random.pick(WRONG);
  const drawn = draw(random);
  const bytes = typeof drawn === 'string' ? Buffer.from(drawn) : drawn;
  return { kind, bytes, status, payment: null };
}

type Wrong = readonly [kind: string, status: 400 | 413 | 422, draw: (random: Random) => string | Buffer];

const good = (random: Random) => plainJson(drawPayment(random));
const withAmount = (random: Random, amount: string) =>
  `{"correlationId":"${uuidOf(random)}","amount":${amount}}`;
const withId = (id: string) => `{"correlationId":${id},"amount":1.00}`;
const digits = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.int(1, 9)).join('');

const WRONG: readonly [Wrong, ...Wrong[]] = [
  ['empty', 400, () => ''],
  ['truncated', 400, (random) => good(random).slice(0, random.int(1, 60))],
  [
    'trailing',
    400,
    (random) => good(random) + random.pick(['}', ']', ',', '0', '{}', 'x', '\0', '//', '\ufeff']),
  ],
  [
    'broken',
    400,
    (random) => good(random).replace(random.pick([',', ':', '{', '"']), random.pick(['', ';', "'", '='])),
  ],
  ['bad number', 400, (random) => withAmount(random, random.pick(BAD_NUMBERS))],
  ['deep', 400, (random) => nested(random, random.int(65, 400), false)],
  ['deep closed', 400, (random) => nested(random, random.int(65, 300), true)],
  ['utf-8', 400, badUtf8],
  ['control', 400, (random) => good(random).replace('-', String.fromCharCode(random.int(0, 31)))],
  ['escape', 400, (random) => good(random).replace('-', random.pick(['\\x', '\\u12g', '\\-', '\\0']))],
  ['bom', 400, (random) => `\ufeff${good(random)}`],
  ['id twice', 400, (random) => good(random).replace('{', `{"correlationId":"${uuidOf(random)}",`)],
  [
    'amount twice',
    400,
    (random) => good(random).replace('}', `,"${random.pick(['amount', '\\u0061mount'])}":2.00}`),
  ],
  ['noise', 400, noise],
  ['no object', 422, (random) => random.pick(['[]', 'null', '1', '"x"', 'true', ' [{}] ', '1e999'])],
  ['no id', 422, () => '{"amount":1.00}'],
  ['no amount', 422, (random) => `{"correlationId":"${uuidOf(random)}","sum":1.00}`],
  ['id no string', 422, (random) => withId(random.pick(['1', 'null', '[]', '{}', 'true', '1e400']))],
  ['id no uuid', 422, (random) => withId(`"${notUuid(random)}"`)],
  [
    'amount no number',
    422,
    (random) => withAmount(random, random.pick(['"1.00"', 'null', '[1]', '{}', 'true'])),
  ],
  [
    'not positive',
    422,
    (random) => withAmount(random, random.pick(['0', '-0', '0.00', '0e9', '-1', '-1e400', '0e-999999'])),
  ],
  [
    'too precise',
    422,
    (random) =>
      withAmount(random, random.pick(['1.001', '1e-3', '0.009', '1.00000000000000000000001', '1e-999999'])),
  ],
  [
    'too large',
    422,
    (random) =>
      withAmount(random, random.pick(['1e400', '1e999999999', '1000000000.01', '9007199254740993'])),
  ],
  ['endless number', 422, (random) => withAmount(random, digits(random, random.int(20, 800)))],
  ['over the limit', 413, (random) => good(random).padEnd(random.int(1025, 3000), ' ')],
];

const BAD_NUMBERS = [
  '01',
  '+1',
  '.5',
  '1.',
  '1e',
  '1e+',
  '0x1',
  'NaN',
  'Infinity',
  '1_0',
  '1,0',
  '--1',
  '-',
  '1.5.5',
] as const;

function nested(random: Random, depth: number, isClosed: boolean): string {
  const inner = '['.repeat(depth) + (isClosed ? ']'.repeat(depth) : '');
  return random.chance(0.5) ? inner : `{"x":${inner},${good(random).slice(1)}`;
}

/** Invalid UTF-8: a lone byte, an overlong form, half a surrogate, beyond the last code point. */
function badUtf8(random: Random): Buffer {
  const bad = random.pick(['ff', 'c0af', 'eda080', 'f4908080', '80', 'c3', 'e282', 'f8888080']);
  const text = Buffer.from(`{"note":"~",${good(random).slice(1)}`, 'latin1').toString('hex');
  return Buffer.from(text.replace('7e', bad), 'hex');
}

function noise(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: random.int(1, 200) }, () => random.int(0, 255)));
  // The first byte starts no JSON value, so random bytes cannot form one.
  bytes[0] = random.pick([0x00, 0x21, 0x3b, 0x80, 0xff]);
  return bytes;
}

function notUuid(random: Random): string {
  const id = uuidOf(random);
  return random.pick([
    id.slice(1),
    `${id}0`,
    id.replaceAll('-', ''),
    `{${id}}`,
    id.replace('-', '_'),
    id.replace(/^./, 'g'),
    id.replace(/^./, '０'),
    `${id}\\u0000`,
    `${id}\\n`,
    '',
    "'; DROP TABLE payments; --",
  ]);
}

function spelled(random: Random, { correlationId, amountCents }: FuzzPayment): string {
  const space = () => random.pick(['', '', ' ', '\t', '\r\n', '   ']);
  const id = random.chance(0.5) ? correlationId.toUpperCase() : correlationId.replace(/^./, escaped);
  const members = [
    [random.pick(['"correlationId"', '"\\u0063orrelationId"', '"correlation\\u0049d"']), `"${id}"`],
    [random.pick(['"amount"', '"amoun\\u0074"']), spelledAmount(random, amountCents)],
    ...(random.chance(0.5) ? [['"note"', random.pick(EXTRAS)] as const] : []),
  ].map(([name, value]) => `${space()}${name}${space()}:${space()}${value}${space()}`);
  if (random.chance(0.5)) members.reverse();
  return `${space()}{${members.join(',')}}${space()}`;
}

const EXTRAS = [
  'null',
  '{"amount":7}',
  '[1,[2,[3]]]',
  '"é\\ud83d\\ude00"',
  '1e999',
  '{"correlationId":"x"}',
] as const;

function spelledAmount(random: Random, amountCents: number): string {
  const decimal = decimalOf(amountCents);
  return random.pick([decimal, `${decimal}000`, `${amountCents}e-2`, `${amountCents}0E-3`, `${decimal}e+0`]);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
