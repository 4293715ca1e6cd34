import {
  charged,
  chargedLate,
  during,
  first,
  reset,
  rests,
  restsUntil,
  says,
  silent,
  status,
  withHeaders,
} from '../acts.ts';
import { answer } from '../answer-bytes.ts';
import type { Act } from '../fault-proxy.ts';
import type { Situation, Times } from '../situation.ts';

const HOUR_S = 3600;
const HOUR_MS = HOUR_S * 1000;
const LOST = charged(silent);

/** Situations about waiting: `Retry-After`, and clocks that differ. */
export const RESTS: readonly Situation[] = [
  ...rest('503 with an hour', () => rests(503, HOUR_S)),
  ...rest('429 with an hour', () => rests(429, HOUR_S)),
  ...rest('503 with an hour, once for each payment', () => first(1, rests(503, HOUR_S))),
  ...rest('503 with a date in an hour', () => restsUntil(503, HOUR_MS)),
  ...rest('429 with a second', ({ whileMs }) => during(whileMs, rests(429, 1))),
  ...rest('503 with a second', ({ whileMs }) => during(whileMs, rests(503, 1))),
  ...rest('429 with a date in two seconds', ({ whileMs }) => during(whileMs, restsUntil(429, 2000))),
  ...rest('503 with 0', ({ whileMs }) => during(whileMs, rests(503, 0))),
  ...rest('503 with a text that is no time', ({ whileMs }) =>
    during(whileMs, says(answer(503, { 'retry-after': 'soon' }))),
  ),
  ...rest('503 with a negative number', ({ whileMs }) =>
    during(whileMs, says(answer(503, { 'retry-after': '-1' }))),
  ),
  ...rest('500 with a second', ({ whileMs }) => during(whileMs, rests(500, 1))),
  ...rest('403 with a second', ({ whileMs }) => during(whileMs, rests(403, 1))),

  ...lookUpRest('429 with a second', () => first(1, rests(429, 1))),
  ...lookUpRest('503 with a second', () => first(1, rests(503, 1))),
  ...lookUpRest('429 with an hour', () => rests(429, HOUR_S)),
  ...lookUpRest('429 with a date in two seconds', () => first(1, restsUntil(429, 2000))),
  ...lookUpRest('429 without Retry-After', ({ whileMs }) => during(whileMs, status(429))),
  ...lookUpRest('429 with a second, again and again', () => rests(429, 1)),
  ...lookUpRest('404 with an hour, although it is held', () => first(1, rests(404, HOUR_S))),

  ...clock('its Date is an hour ahead', () => dated(HOUR_MS), { isHarmless: true }),
  ...clock('its Date is an hour behind', () => dated(-HOUR_MS), { isHarmless: true }),
  ...clock('its Date is not a date', () => withHeaders({ date: 'yesterday' }), { isHarmless: true }),
  ...clock('Retry-After as a date by a clock an hour ahead', () => first(1, restsUntil(503, HOUR_MS + 1000))),
  ...clock('Retry-After as a date by a clock an hour behind', () =>
    first(2, restsUntil(503, 1000 - HOUR_MS)),
  ),
  ...clock('Retry-After as a date in the year 9999', () =>
    first(1, says(answer(429, { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }))),
  ),
  {
    kind: 'clock',
    name: 'behind by an hour, and a charge that is late',
    script: ({ lateMs }) => ({ pay: chargedLate(lateMs, reset), find: dated(-HOUR_MS) }),
  },
];

function dated(byMs: number): Act {
  return (exchange) => withHeaders({ date: new Date(exchange.nowMs() + byMs).toUTCString() })(exchange);
}

function rest(name: string, pay: (times: Times) => Act): Situation[] {
  return [{ kind: 'rest', name, script: (times) => ({ pay: pay(times) }) }];
}

/** The answers to the payments are lost, so each must be looked up. */
function lookUpRest(name: string, find: (times: Times) => Act): Situation[] {
  return [{ kind: 'look-up-rest', name, script: (times) => ({ pay: first(1, LOST), find: find(times) }) }];
}

function clock(name: string, pay: () => Act, more: Pick<Situation, 'isHarmless'> = {}): Situation[] {
  return [{ kind: 'clock', name, script: () => ({ pay: pay() }), ...more }];
}
