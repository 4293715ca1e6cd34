import {
  after,
  charged,
  chargedLate,
  cutAt,
  during,
  first,
  honest,
  raw,
  relayed,
  reset,
  says,
  silent,
  status,
} from '../acts.ts';
import { answer, answerText, html } from '../answer-bytes.ts';
import type { Act } from '../fault-proxy.ts';
import type { Kind, Situation, Times } from '../situation.ts';

const LOST = charged(reset);
const OTHER_ID = 'ffffffff-ffff-4fff-8fff-ffffffffffff';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Situations about look-ups, health, and requests that arrive twice. */
export const LOOK_UPS: readonly Situation[] = [
  ...lost('lying-look-up', '404 once, although it is held', () => first(1, status(404))),
  ...lost('lying-look-up', '404 for a while, although it is held', ({ lateMs }) =>
    during(lateMs, status(404)),
  ),
  ...lost('lying-look-up', '404 after the hold, although it is held', () => status(404)),
  ...lost('lying-look-up', '404 with a page', () => first(2, says(html(404)))),
  ...lost('lying-look-up', '404 cut off', () =>
    first(2, raw('HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot')),
  ),
  ...lost('lying-look-up', '410', () => first(2, status(410))),
  ...lost('lying-look-up', '204', () => first(2, raw('HTTP/1.1 204 No Content\r\n\r\n'))),
  ...lost('lying-look-up', '200 without a body', () => first(2, says(answer(200)))),
  ...lost('lying-look-up', '200 with an empty list', () => first(2, says(answer(200, JSON_TYPE, '[]')))),
  {
    kind: 'lying-look-up',
    name: '404 rightly at first, then charged',
    script: ({ lateMs }) => ({ pay: chargedLate(lateMs, reset) }),
  },
  {
    kind: 'lying-look-up',
    name: '404 rightly, answered when it is charged already',
    script: ({ soonMs }) => ({
      pay: first(1, chargedLate(soonMs / 2, reset)),
      find: first(
        1,
        relayed(async (exchange, truth) => {
          await exchange.wait(soonMs);
          exchange.write(answerText(truth));
        }),
      ),
    }),
  },

  ...lost('strange-look-up', 'the answer about another payment', () => first(2, ofAnother())),
  ...lost('strange-look-up', 'no JSON', () => first(2, says(answer(200, JSON_TYPE, '{"correlationId')))),
  ...lost('strange-look-up', 'a page with 200', () => first(2, says(html(200)))),
  ...lost('strange-look-up', 'half an answer', () =>
    first(
      2,
      cutAt((truth) => answerText(truth).length - 5, reset),
    ),
  ),
  ...lost('strange-look-up', '500', () => first(3, status(500))),
  ...lost('strange-look-up', '503', () => first(3, status(503))),
  ...lost('strange-look-up', '403', () => first(3, status(403))),
  ...lost('strange-look-up', 'a redirect', () => first(3, says(answer(302, { location: '/' })))),
  ...lost('strange-look-up', 'no answer', () => first(2, silent)),
  ...lost('strange-look-up', 'no HTTP', () => first(2, raw('garbage\r\n\r\n'))),
  ...lost('strange-look-up', '100 kB', () => first(2, says(answer(200, JSON_TYPE, ' '.repeat(100_000))))),

  ...repeated('twice at once', () => twice(0)),
  ...repeated('once more soon after', ({ soonMs }) => twice(soonMs)),
  ...repeated('once more after the timeout', ({ lateMs }) => twice(lateMs)),
  ...repeated(
    'twice, and the answer to the second counts',
    () => async (exchange) => exchange.write(answerText(await exchange.forwardAgain())),
  ),
  ...repeated('twice, and no answer', () => async (exchange) => {
    await exchange.forwardAgain();
  }),
  ...repeated('once more, and the first answer is lost', ({ lateMs }) => async (exchange) => {
    await exchange.forward();
    exchange.reset();
    await exchange.wait(lateMs);
    await exchange.forwardAgain();
  }),

  ...health(
    'failing, while all is well',
    says(answer(200, JSON_TYPE, '{"failing":true,"minResponseTime":0}')),
  ),
  ...health(
    'very slow, while all is well',
    says(answer(200, JSON_TYPE, '{"failing":false,"minResponseTime":9000}')),
  ),
  ...health('well, while nothing works', honest, ({ whileMs }) => during(whileMs, status(503))),
  ...health('well, while every answer is lost', honest, ({ whileMs }) => during(whileMs, charged(reset))),
  ...health('no JSON', says(answer(200, JSON_TYPE, '<'))),
  ...health('no answer', silent),
  ...health('an answer after the timeout', (exchange) => after(700, honest)(exchange)),
  ...health('429', status(429)),
  ...health('404', status(404)),
  ...health('500', status(500)),
  ...health('reset', reset),
];

/** A look-up's answer in which every mention of the payment is of another one. */
function ofAnother(): Act {
  return relayed((exchange, truth) => {
    const body = truth.body.replaceAll(exchange.correlationId, OTHER_ID);
    exchange.write(answerText({ ...truth, body }));
  });
}

function twice(pauseMs: number): Act {
  return async (exchange) => {
    exchange.write(answerText(await exchange.forward()));
    await exchange.wait(pauseMs);
    await exchange.forwardAgain();
  };
}

/** Each payment is charged once and its answer lost. */
function lost(kind: Kind, name: string, find: (times: Times) => Act): Situation[] {
  return [{ kind, name, script: (times) => ({ pay: first(1, LOST), find: find(times) }) }];
}

function repeated(name: string, pay: (times: Times) => Act): Situation[] {
  return [{ kind: 'repeated', name, script: (times) => ({ pay: first(1, pay(times)) }) }];
}

function health(name: string, answered: Act, pay: (times: Times) => Act = () => honest): Situation[] {
  return [{ kind: 'health', name, script: (times) => ({ pay: pay(times), health: answered }) }];
}
