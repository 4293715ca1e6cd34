import {
  after,
  charged,
  chargedLate,
  chunked,
  closed,
  cutAt,
  delayed,
  dripped,
  everySecond,
  first,
  firstOfAll,
  honest,
  misMeasured,
  raw,
  relayed,
  reset,
  silent,
  status,
  then,
  withHeaders,
} from '../acts.ts';
import { type Answer, answerText, headText } from '../answer-bytes.ts';
import type { Act } from '../fault-proxy.ts';
import type { Kind, Situation, Times } from '../situation.ts';

const TOO_LONG = 'x'.repeat(100_000);
const interim = (code: number, fields = '') => `HTTP/1.1 ${code} Interim\r\n${fields}\r\n`;
const halfOf = (truth: Answer) => Math.floor(answerText(truth).length / 2);
const inHead = (truth: Answer) => headText(truth).length - 4;
const STATUS_LINE_BYTES = 'HTTP/1.1 200 '.length;

/** Situations about bytes and connections. */
export const WIRE: readonly Situation[] = [
  ...harmless('interim', '100 before the answer', () => then(raw(interim(100)), honest)),
  ...harmless('interim', '102 before the answer', () => then(raw(interim(102)), honest)),
  ...harmless('interim', '103 with headers before the answer', () =>
    then(raw(interim(103, 'link: </a.css>; rel=preload\r\n')), honest),
  ),
  ...harmless('interim', 'ten interim answers before the answer', () =>
    then(raw(interim(102).repeat(10)), honest),
  ),
  ...harmless('interim', '100, a pause, and the answer', ({ soonMs }) =>
    then(raw(interim(100)), after(soonMs, honest)),
  ),
  ...harmless('interim', '100 with a length before the answer', () =>
    then(raw(interim(100, 'content-length: 0\r\n')), honest),
  ),
  ...every('interim', '100, charged, and no answer', () =>
    first(1, then(raw(interim(100)), charged(silent))),
  ),
  ...every('interim', '100, then 503', () => first(2, then(raw(interim(100)), status(503)))),
  ...every('interim', '102 without end', ({ timeoutMs }) => first(1, charged(interimsFor(timeoutMs * 2)))),
  {
    kind: 'interim',
    name: '103 before the answer to a look-up',
    script: () => ({ pay: first(1, charged(reset)), find: then(raw(interim(103)), honest) }),
  },

  ...every('lost', 'charged, then reset', () => first(1, charged(reset))),
  ...every('lost', 'charged, then closed', () => first(1, charged(closed))),
  ...every('lost', 'charged, and no answer', () => first(1, charged(silent))),
  ...every('lost', 'reset, nothing charged', () => first(1, reset)),
  ...every('lost', 'closed, nothing charged', () => first(1, closed)),
  ...every('lost', 'no answer, nothing charged', () => first(1, silent)),
  ...every('lost', 'every answer is lost, every payment is charged', () => charged(reset)),
  ...every('lost', 'every second answer is lost', () => everySecond(charged(silent))),
  ...every('lost', 'reset, charged late', ({ lateMs }) => chargedLate(lateMs, reset)),
  ...every('lost', 'closed, charged late', ({ lateMs }) => chargedLate(lateMs, closed)),
  ...every('lost', 'no answer, charged after the timeout', ({ lateMs }) => chargedLate(lateMs, silent)),
  ...every('lost', 'no answer, charged after the hold', ({ tooLateMs }) => chargedLate(tooLateMs, silent)),
  ...every(
    'lost',
    'no answer to payments and look-ups',
    () => charged(silent),
    () => silent,
  ),

  ...every('broken', 'half a status line', () =>
    first(
      1,
      cutAt(() => STATUS_LINE_BYTES - 4, closed),
    ),
  ),
  ...every('broken', 'a status line and no more', () =>
    first(
      1,
      cutAt(() => STATUS_LINE_BYTES, closed),
    ),
  ),
  ...every('broken', 'half a head', () => first(1, cutAt(inHead, closed))),
  ...every('broken', 'half an answer, then closed', () => first(1, cutAt(halfOf, closed))),
  ...every('broken', 'half an answer, then silence', () => first(1, cutAt(halfOf, silent))),
  ...every('broken', 'all but the last byte', () =>
    first(
      1,
      cutAt((truth) => answerText(truth).length - 1, closed),
    ),
  ),
  ...every('broken', 'a length too long', () => first(1, misMeasured(10))),
  ...every('broken', 'a length too short', () => first(1, misMeasured(-3))),
  ...every('broken', 'two lengths', () => first(1, withHeaders({ 'Content-Length': '1' }))),
  ...every('broken', 'length and chunks', () => first(1, withHeaders({ 'transfer-encoding': 'chunked' }))),
  ...every('broken', 'chunks that are no chunks', () =>
    first(1, charged(raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnot a chunk\r\n'))),
  ),
  ...every('broken', 'a chunk that does not end', () =>
    first(1, charged(then(raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{'), closed))),
  ),
  ...harmless('broken', 'valid chunks', () => chunked),
  ...every('broken', 'no HTTP', () => first(1, charged(raw('\u0000\u0001 garbage\r\n\r\n')))),
  ...every('broken', 'HTTP/2', () => first(1, charged(raw('\u0000\u0000\u0012\u0004\u0000\u0000')))),
  ...every('broken', 'lines that end in LF', () =>
    first(1, charged(raw('HTTP/1.1 200 OK\ncontent-length: 2\n\n{}'))),
  ),
  ...every('broken', 'status 999', () =>
    first(1, charged(raw('HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n'))),
  ),
  ...every('broken', 'a head without end', () =>
    first(1, charged(raw(`HTTP/1.1 200 OK\r\nx: ${TOO_LONG}\r\n\r\n`))),
  ),
  ...every('broken', 'a body without end', () =>
    first(1, charged(raw(`HTTP/1.1 500 Error\r\ncontent-length: ${TOO_LONG.length}\r\n\r\n${TOO_LONG}`))),
  ),

  ...harmless('connection', 'closed after each answer', () => then(honest, closed)),
  ...harmless('connection', 'Connection: close, and closed', () =>
    then(withHeaders({ connection: 'close' }), closed),
  ),
  ...harmless('connection', 'Connection: close, and left open', () => withHeaders({ connection: 'close' })),
  ...harmless('connection', 'closed while idle', ({ soonMs }) => then(honest, after(soonMs / 4, closed))),
  ...every('connection', 'reset as soon as it is used again', () => everySecond(honest, reset)),
  ...every('connection', 'closed as soon as it is used again, charged', () =>
    everySecond(honest, charged(closed)),
  ),
  ...every('connection', 'the first connections are reset', () => firstOfAll(3, reset)),
  ...every('connection', 'two answers to one request', () => first(1, then(honest, status(200)))),
  ...every('connection', '408 on the idle connection', ({ soonMs }) =>
    first(1, then(honest, after(soonMs / 8, status(408)))),
  ),

  ...harmless('slow', 'half of the timeout', ({ timeoutMs }) => delayed(timeoutMs / 4)),
  ...harmless('slow', 'an answer in pieces', () => dripped(5, 2)),
  ...every('slow', 'longer than the timeout', ({ lateMs }) => first(1, delayed(lateMs))),
  ...every('slow', 'always longer than the timeout', ({ lateMs }) => delayed(lateMs)),
  ...every('slow', 'a piece now and then, longer than the timeout', ({ timeoutMs }) =>
    first(1, dripped(10, timeoutMs / 4)),
  ),
  ...every('slow', 'the head at once, the body after the timeout', ({ lateMs }) =>
    first(1, bodyAfter(lateMs)),
  ),
  ...every(
    'slow',
    'look-ups longer than the timeout',
    () => first(1, charged(silent)),
    ({ lateMs }) => first(2, delayed(lateMs)),
  ),
];

/** Interim answers again and again. */
function interimsFor(forMs: number): Act {
  const pauseMs = 20;
  return async (exchange) => {
    for (let passedMs = 0; passedMs < forMs; passedMs += pauseMs) {
      exchange.write(interim(102));
      await exchange.wait(pauseMs);
    }
  };
}

function bodyAfter(delayMs: number): Act {
  return relayed(async (exchange, truth) => {
    exchange.write(headText(truth));
    await exchange.wait(delayMs);
    exchange.write(truth.body);
  });
}

function every(
  kind: Kind,
  name: string,
  pay: (times: Times) => Act,
  find: (times: Times) => Act = () => honest,
): Situation[] {
  return [{ kind, name, script: (times) => ({ pay: pay(times), find: find(times) }) }];
}

/** The answer is late or long, but it is an answer. */
function harmless(kind: Kind, name: string, pay: (times: Times) => Act): Situation[] {
  return [{ kind, name, script: (times) => ({ pay: pay(times) }), isHarmless: true }];
}
