import {
  charged,
  chargedLate,
  closed,
  during,
  first,
  firstOfAll,
  honest,
  raw,
  rests,
  restsUntil,
  says,
  silent,
  status,
  then,
} from '../acts.ts';
import { answer, html } from '../answer-bytes.ts';
import type { Act } from '../fault-proxy.ts';
import type { Situation, Times } from '../situation.ts';

const REFUSE =
  'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="api"\r\ncontent-length: 0\r\n\r\n';

/** Situations in which the status of the answer misleads. */
export const ANSWERS: readonly Situation[] = [
  ...gaveUp('503 with Retry-After, charged soon after', ({ soonMs }) => chargedLate(soonMs, rests(503, 1))),
  ...gaveUp('503 with Retry-After, charged after the timeout', ({ lateMs }) =>
    chargedLate(lateMs, rests(503, 1)),
  ),
  ...gaveUp('503 with Retry-After, charged before', () => charged(rests(503, 1))),
  ...gaveUp('503 with Retry-After as a date, charged late', ({ lateMs }) =>
    chargedLate(lateMs, restsUntil(503, 1500)),
  ),
  ...gaveUp('429 with Retry-After, charged late', ({ lateMs }) => chargedLate(lateMs, rests(429, 1))),
  ...gaveUp('503 without Retry-After, charged late', ({ lateMs }) => chargedLate(lateMs, status(503))),
  ...gaveUp('502 with a page, charged late', ({ lateMs }) => chargedLate(lateMs, says(html(502)))),
  ...gaveUp('504 with a page, charged late', ({ lateMs }) => chargedLate(lateMs, says(html(504)))),
  ...gaveUp('499, charged late', ({ lateMs }) => chargedLate(lateMs, status(499))),

  ...failed('500, charged before', () => charged(status(500))),
  ...failed('500, charged soon after', ({ soonMs }) => chargedLate(soonMs, status(500))),
  ...failed('500, charged after the timeout', ({ lateMs }) => chargedLate(lateMs, status(500))),
  ...failed('500 and the connection closed, charged late', ({ lateMs }) =>
    chargedLate(lateMs, then(status(500), closed)),
  ),
  ...failed('500 with a page, charged late', ({ lateMs }) => chargedLate(lateMs, says(html(500)))),
  ...failed('501, charged late', ({ lateMs }) => chargedLate(lateMs, status(501))),
  ...failed('507, charged late', ({ lateMs }) => chargedLate(lateMs, status(507))),
  ...failed('500 once, charged late, then well', ({ lateMs }) => first(1, chargedLate(lateMs, status(500)))),
  { kind: 'failed-charged', name: '500, nothing charged', script: () => ({ pay: first(2, status(500)) }) },

  ...falseDuplicate('422 to the payment, 404 to the look-up', status(422), status(404)),
  ...falseDuplicate('422 with a page, 404 to the look-up', says(html(422)), status(404)),
  ...falseDuplicate('422, and the look-up fails at first', status(422), first(2, status(500), status(404))),
  ...falseDuplicate('422, and the look-up hangs at first', status(422), first(1, silent, status(404))),
  ...falseDuplicate('422 three times, then well', first(3, status(422)), honest),
  ...falseDuplicate('422 once, then well', first(1, status(422)), honest),
  ...falseDuplicate('422, charged before, and two look-ups lie', charged(status(422)), first(2, status(404))),
  ...falseDuplicate('409 to the payment, 404 to the look-up', status(409), status(404)),

  ...[401, 403, 404, 405, 407, 410, 421, 451].map(
    (code): Situation => ({
      kind: 'unfit',
      name: `${code} to every payment`,
      script: () => ({ pay: status(code) }),
    }),
  ),
  ...[401, 403, 404, 405].map(
    (code): Situation => ({
      kind: 'unfit',
      name: `${code} to every request for a while`,
      script: ({ whileMs }) => ({
        pay: during(whileMs, status(code)),
        find: during(whileMs, status(code)),
        health: during(whileMs, status(code)),
      }),
    }),
  ),
  {
    kind: 'unfit',
    name: 'the answer is lost, then 404 to every request',
    script: () => ({
      pay: first(1, charged(silent), status(404)),
      find: status(404),
    }),
  },
  {
    kind: 'unfit',
    name: 'two calls without an answer, then 401 for a while, nothing charged',
    script: ({ whileMs }) => ({ pay: firstOfAll(2, silent, during(whileMs, status(401))) }),
  },
  {
    kind: 'unfit',
    name: 'credentials run out after the first calls',
    script: () => ({ pay: first(1, charged(silent), raw(REFUSE)), find: raw(REFUSE) }),
  },

  ...[408, 409, 423, 425].flatMap((code): Situation[] => [
    { kind: 'unclear', name: `${code}, nothing charged`, script: () => ({ pay: first(2, status(code)) }) },
    {
      kind: 'unclear',
      name: `${code}, charged before`,
      script: () => ({ pay: first(1, charged(status(code))) }),
    },
    {
      kind: 'unclear',
      name: `${code}, charged late`,
      script: ({ lateMs }) => ({ pay: first(1, chargedLate(lateMs, status(code))) }),
    },
  ]),

  ...[400, 402, 413, 414, 431].map(
    (code): Situation => ({
      kind: 'rejected',
      name: `${code} to every payment`,
      mayReject: true,
      script: () => ({ pay: status(code) }),
    }),
  ),
  {
    kind: 'rejected',
    name: '400 with a page',
    mayReject: true,
    script: () => ({ pay: says(html(400)) }),
  },
  {
    kind: 'rejected',
    name: '400 once, then well',
    mayReject: true,
    script: () => ({ pay: first(1, status(400)) }),
  },

  ...[301, 302, 303, 307, 308].map(
    (code): Situation => ({
      kind: 'not-the-api',
      name: `${code} to another address`,
      script: () => ({ pay: says(answer(code, { location: 'https://127.0.0.1:1/' })) }),
    }),
  ),
  { kind: 'not-the-api', name: '304', script: () => ({ pay: raw('HTTP/1.1 304 Not Modified\r\n\r\n') }) },
  { kind: 'not-the-api', name: '511 of a captive portal', script: () => ({ pay: says(html(511)) }) },
  {
    kind: 'not-the-api',
    name: '200 with a page, nothing charged',
    script: () => ({ pay: says(html(200)) }),
  },
  {
    kind: 'not-the-api',
    name: '204 without a body, nothing charged',
    script: () => ({ pay: raw('HTTP/1.1 204 No Content\r\n\r\n') }),
  },
  {
    kind: 'not-the-api',
    name: '307, charged nevertheless',
    script: () => ({ pay: charged(says(answer(307, { location: '/' }))) }),
  },
];

function gaveUp(name: string, pay: (times: Times) => Act): Situation[] {
  return [{ kind: 'gave-up', name, script: (times) => ({ pay: pay(times), health: status(503) }) }];
}

function failed(name: string, pay: (times: Times) => Act): Situation[] {
  return [{ kind: 'failed-charged', name, script: (times) => ({ pay: pay(times), health: status(500) }) }];
}

function falseDuplicate(name: string, pay: Act, find: Act): Situation[] {
  return [{ kind: 'false-duplicate', name, mayReject: true, script: () => ({ pay, find }) }];
}
