import type { OutboxLimits } from '../../config/parsers.ts';
import { type OutboxPage, ok, type PaymentEvent, type Reply } from '../ledger.ts';
import {
  cursorText,
  FIRST_POSITION,
  type Position,
  type ProcessorEvent,
  paymentEventType,
  positionText,
  readPosition,
  shardPage,
} from '../outbox.ts';
import type { RedisBooks } from './books.ts';
import type { BookKeys, Key } from './keys.ts';
import { processorNumbersOf, readCents, readEntry, readScatteredId } from './records.ts';
import { pairsOf } from './replies.ts';

/** The parts of an event of a payment, as in `functions/includes/outbox.lua`. */
const PAYMENT_EVENT = 'P'.charCodeAt(0);
const AT = { id: 1, charged: 17, entry: 24 } as const;

/** The events of a shard in Redis. */
export class RedisOutbox {
  readonly #books: RedisBooks;
  readonly #limits: OutboxLimits | null;

  constructor(books: RedisBooks, limits: OutboxLimits | null) {
    this.#books = books;
    this.#limits = limits;
  }

  /** What a function that may append events declares besides its other keys. */
  keys(keys: BookKeys): readonly Key[] {
    return this.#limits === null ? [] : [keys.outbox];
  }

  /** The last argument of such a function. */
  get args(): readonly string[] {
    return this.#limits === null ? [] : ['events'];
  }

  /** The last arguments of a step of upkeep. */
  get upkeepArgs(): readonly string[] {
    return this.#limits === null ? [] : [String(this.#limits.keptMs), String(this.#limits.keptCount)];
  }

  /** These events, or none if none are kept. */
  rows(events: readonly ProcessorEvent[]): readonly string[] {
    return this.#limits === null ? [] : events.map((event) => JSON.stringify(event));
  }

  async after(position: Position, limit: number): Promise<Reply<OutboxPage>> {
    const reply = await this.#books.call('outbox', positionText(position), String(limit));
    if (reply.kind === 'unavailable') return reply;
    const pairs = pairsOf(reply.value);
    const numbers = pairs.flatMap(([, row]) => (isPayment(row) ? processorNumbersOf(entryOf(row)) : []));
    const named = await this.#books.loadNames(numbers);
    if (named.kind === 'unavailable') return named;
    const events = pairs.map(([at, row]) => ({
      ...this.#read(row),
      position: readPosition(String(at)) ?? FIRST_POSITION,
    }));
    return ok(shardPage(events, position, limit));
  }

  async end(): Promise<Reply<string>> {
    const reply = await this.#books.call('outboxEnd');
    if (reply.kind === 'unavailable') return reply;
    return ok(cursorText([readPosition(String(reply.value)) ?? FIRST_POSITION]));
  }

  #read(row: Buffer): PaymentEvent | ProcessorEvent {
    if (!isPayment(row)) return JSON.parse(row.toString()) as ProcessorEvent;
    const correlationId = readScatteredId(row.subarray(AT.id, AT.charged));
    const payment = readEntry(correlationId, entryOf(row), this.#books.processors);
    return { type: paymentEventType(payment.status), payment, chargedCents: readCents(row, AT.charged) };
  }
}

function isPayment(row: Buffer): boolean {
  return row[0] === PAYMENT_EVENT;
}

function entryOf(row: Buffer): Buffer {
  return row.subarray(AT.entry);
}
