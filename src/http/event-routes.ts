import type { Clock } from '../core/clock.ts';
import { parseTimestamp } from '../core/time-window.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { cursorAt, cursorText, type Position, readCursor } from '../ledger/outbox.ts';
import { EventFeed } from './event-feed.ts';
import { eventJson } from './event-json.ts';
import { type Exchange, type Headers, NO_STORE, type ResponseStream } from './exchange.ts';
import { problem } from './problem.ts';
import { unknownParameter } from './query.ts';
import { type Guard, guardedRoute, refuse } from './route.ts';
import type { HttpRequest, WebApp } from './uws.ts';

export interface EventRoutesParts {
  readonly app: WebApp;
  readonly guard: Guard;
  readonly ledger: Pick<Ledger, 'shards' | 'outbox' | 'outboxEnd'>;
  readonly clock: Clock;
  /** Whether the ledger keeps events. */
  readonly isOn: boolean;
  /** Readers of this thread at once. */
  readonly readerLimit: number;
}

/** The second keeps nginx from gathering events until it has a buffer full. */
const STREAM_HEADERS: Headers = [
  ['Content-Type', 'text/event-stream'],
  NO_STORE,
  ['X-Accel-Buffering', 'no'],
];
/** A position has up to 24 characters, and there may be 64 shards. */
const CURSOR_MAX = 2048;

/**
 * `GET /events`: the events of the ledger as server-sent events, from a cursor or a time on, or from now on.
 *
 * | answer                     | when                                                         |
 * |----------------------------|--------------------------------------------------------------|
 * | 200                        | events follow, until the client leaves or the instance stops |
 * | 400 `bad-cursor`           | `after` or `Last-Event-ID` is neither a cursor nor a time    |
 * | 404 `events-off`           | `EVENTS` is not set                                          |
 * | 503 `event-readers-limit`  | `EVENT_READERS` read already                                 |
 * | 503 `ledger-unavailable`   | the ledger does not say which event is the last              |
 */
export class EventRoutes {
  readonly #parts: EventRoutesParts;
  readonly #feed: EventFeed;
  readonly #streams = new Set<ResponseStream>();
  /** Requests that wait for the ledger. */
  #opening = 0;

  constructor(parts: EventRoutesParts) {
    this.#parts = parts;
    this.#feed = new EventFeed({ ledger: parts.ledger, clock: parts.clock, textOf: eventJson });
    guardedRoute(parts.app, '/events', parts.guard, (exchange, request) => this.#get(exchange, request));
  }

  /** Ends the response of each reader, who continues at another instance. */
  close(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #get(exchange: Exchange, request: HttpRequest): Promise<void> {
    const { ledger, isOn, readerLimit } = this.#parts;
    const query = request.getQuery();
    const lastEventId = request.getHeader('last-event-id');
    if (!isOn) return refuse(exchange, problem('events-off'));
    const unknown = unknownParameter(query, ['after']);
    if (unknown !== null) return refuse(exchange, unknown);
    const [after = '', ...others] = new URLSearchParams(query).getAll('after');
    const given = lastEventId || after;
    const cursor = cursorOf(given, ledger.shards.length);
    if (cursor === null || others.length > 0) return refuse(exchange, problem('bad-cursor'));
    if (this.#streams.size + this.#opening >= readerLimit)
      return refuse(exchange, problem('event-readers-limit'));
    this.#opening++;
    const start = given === '' ? await ledger.outboxEnd() : ({ kind: 'ok', value: cursor } as const);
    this.#opening--;
    if (start.kind === 'unavailable') return refuse(exchange, problem('ledger-unavailable'));
    const positions = readCursor(start.value, ledger.shards.length) ?? [];
    // So that a reader who has no event yet continues here, too.
    const stream = exchange.stream('200 OK', STREAM_HEADERS, `id: ${cursorText(positions)}\n\n`);
    if (stream !== null) this.#join(stream, positions);
  }

  #join(stream: ResponseStream, positions: readonly Position[]): void {
    this.#streams.add(stream);
    const reader = this.#feed.join(stream, positions);
    stream.onDrained(() => reader.drained());
    stream.onEnd(() => {
      this.#streams.delete(stream);
      reader.leave();
    });
  }
}

/** Null: the text is neither a cursor nor a time. */
function cursorOf(text: string, shardCount: number): string | null {
  if (text.length > CURSOR_MAX) return null;
  if (readCursor(text, shardCount) !== null) return text;
  const ms = parseTimestamp(text, Math.ceil);
  return ms === null ? null : cursorAt(ms);
}
