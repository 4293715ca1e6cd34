import { type Answer, answer, answerText, chunkedHeadText, chunksOf, headText } from './answer-bytes.ts';
import type { Exchange } from './exchange.ts';
import type { Act } from './fault-proxy.ts';

// The words that scripts are written in. `MS` of a delay counts from the request.

/** Passes the request on, and the answer back. */
export const honest: Act = async (exchange) => exchange.write(answerText(await exchange.forward()));

// What the processor gets: nothing, unless one of these says so.

/** The processor gets it at once; `then` answers in its place. */
export function charged(then: Act): Act {
  return async (exchange) => {
    await exchange.forward();
    await then(exchange);
  };
}

/** `then` answers, and the processor gets the request `delayMs` later. */
export function chargedLate(delayMs: number, then: Act): Act {
  return async (exchange) => {
    await then(exchange);
    await exchange.wait(delayMs);
    await exchange.forward();
  };
}

// What is answered.

export function says(given: Answer): Act {
  return async (exchange) => exchange.write(answerText(given));
}

export function status(code: number): Act {
  return says(answer(code, { 'content-type': 'application/json' }, '{}'));
}

/** Asks for a rest of whole seconds. */
export function rests(code: number, seconds: number): Act {
  return async (exchange) => {
    exchange.write(answerText(answer(code, { 'retry-after': String(seconds) })));
    exchange.rest = { kind: 'delay', delayMs: seconds * 1000 };
  };
}

/** Asks for a rest until a moment, as a date, which has whole seconds. */
export function restsUntil(code: number, inMs: number): Act {
  return async (exchange) => {
    const date = new Date(exchange.nowMs() + inMs).toUTCString();
    const delayMs = Date.parse(date) - exchange.nowMs();
    exchange.write(answerText(answer(code, { 'retry-after': date })));
    exchange.rest = { kind: 'until', untilMs: exchange.monotonicMs() + delayMs };
  };
}

export function raw(text: string): Act {
  return async (exchange) => exchange.write(text);
}

/** No answer; the connection stays open. */
export const silent: Act = async () => {};

export const reset: Act = async (exchange) => exchange.reset();

export const closed: Act = async (exchange) => exchange.end();

export function then(...acts: readonly Act[]): Act {
  return async (exchange) => {
    for (const act of acts) await act(exchange);
  };
}

export function after(delayMs: number, act: Act): Act {
  return async (exchange) => {
    await exchange.wait(delayMs);
    await act(exchange);
  };
}

// How the processor's own answer arrives.

/** The processor's answer, passed on by `write`. */
export function relayed(write: (exchange: Exchange, truth: Answer) => void | Promise<void>): Act {
  return async (exchange) => {
    const truth = await exchange.forward();
    await write(exchange, truth);
  };
}

export function delayed(delayMs: number): Act {
  return relayed(async (exchange, truth) => {
    await exchange.wait(delayMs);
    exchange.write(answerText(truth));
  });
}

/** The first `share` of the answer, then `end`. */
export function cutAt(share: (truth: Answer) => number, end: Act): Act {
  return relayed(async (exchange, truth) => {
    exchange.write(answerText(truth).slice(0, share(truth)));
    await end(exchange);
  });
}

/** A few bytes at a time. */
export function dripped(pieceCount: number, pauseMs: number): Act {
  return relayed(async (exchange, truth) => {
    const text = answerText(truth);
    const size = Math.ceil(text.length / pieceCount);
    for (let at = 0; at < text.length; at += size) {
      exchange.write(text.slice(at, at + size));
      await exchange.wait(pauseMs);
    }
  });
}

export const chunked: Act = relayed((exchange, truth) =>
  exchange.write(`${chunkedHeadText(truth)}${chunksOf(truth.body)}`),
);

/** The right body under another `Content-Length`. */
export function misMeasured(byBytes: number): Act {
  return relayed((exchange, truth) => {
    const length = Math.max(0, Buffer.byteLength(truth.body) + byBytes);
    exchange.write(`${headText(truth, length)}${truth.body}`);
  });
}

/** The answer with other headers before its own. */
export function withHeaders(headers: Readonly<Record<string, string>>): Act {
  return relayed((exchange, truth) =>
    exchange.write(answerText({ ...truth, headers: { ...truth.headers, ...headers } })),
  );
}

// When.

/** `act` for the first `count` requests about each payment, and then `next`. */
export function first(count: number, act: Act, next: Act = honest): Act {
  return (exchange) => (exchange.nth <= count ? act(exchange) : next(exchange));
}

/** `act` for the first `count` requests of all, and then `next`. */
export function firstOfAll(count: number, act: Act, next: Act = honest): Act {
  return (exchange) => (exchange.nthOfAll <= count ? act(exchange) : next(exchange));
}

/** `act` for every second request, beginning with the first. */
export function everySecond(act: Act, next: Act = honest): Act {
  return (exchange) => (exchange.nthOfAll % 2 === 1 ? act(exchange) : next(exchange));
}

/** `act` until `forMs` after the situation began, and then `next`. */
export function during(forMs: number, act: Act, next: Act = honest): Act {
  return (exchange) => (exchange.elapsedMs < forMs ? act(exchange) : next(exchange));
}
