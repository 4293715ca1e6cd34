import type { OutboxLimits } from '../../config/parsers.ts';
import type { Clock } from '../../core/clock.ts';
import { readUuid, UUID_BYTES } from '../../core/uuid.ts';
import type { OutboxPage, PaymentEvent } from '../ledger.ts';
import {
  cursorText,
  FIRST_POSITION,
  nextPosition,
  type Position,
  type ProcessorEvent,
  paymentEventType,
  shardPage,
} from '../outbox.ts';
import type { LmdbEntries } from './entries.ts';
import type { LmdbStore } from './store.ts';
import { entryBytes, readEntry, type StoredEntry } from './stored-entry.ts';

/**
 * The key of an event is its position: atMs uint48, number uint32. Its value is
 *
 * | offset | bytes | field        | type                                     |
 * |--------|-------|--------------|------------------------------------------|
 * | 0      | 1     | kind         | uint8: 0 of a processor, 1 of a payment  |
 * | 1      | rest  |              | JSON, if it is of a processor            |
 * | 1      | 16    | id           | of the payment                           |
 * | 17     | 8     | chargedCents | float64                                  |
 * | 25     | rest  | entry        | as in `records.ts`                       |
 */
const KEY_BYTES = 10;
const [OF_PROCESSOR, OF_PAYMENT] = [0, 1];
const AT = { id: 1, chargedCents: 1 + UUID_BYTES, entry: 9 + UUID_BYTES } as const;

/** Events that one step of upkeep drops at most, because commits wait for it. */
const DROPPED_LIMIT = 1000;
const END_OF_TIME = positionKey({ atMs: 2 ** 48 - 1, number: 2 ** 32 - 1 });

export interface LmdbOutboxParts {
  readonly store: LmdbStore;
  readonly entries: LmdbEntries;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Null: no events are written. */
  readonly limits: OutboxLimits | null;
}

/** A payment that was settled or rejected. */
export interface Finished {
  readonly id: Buffer;
  readonly entry: StoredEntry;
  readonly chargedCents: number;
}

/** The events of an LMDB ledger, written within transactions of the caller. */
export class LmdbOutbox {
  readonly #parts: LmdbOutboxParts;

  constructor(parts: LmdbOutboxParts) {
    this.#parts = parts;
  }

  addPayments(finished: readonly Finished[]): void {
    this.#append(finished, paymentBytes);
  }

  addProcessors(events: readonly ProcessorEvent[]): void {
    this.#append(events, processorBytes);
  }

  after(position: Position, limit: number): OutboxPage {
    const range = { start: Buffer.concat([positionKey(position), Buffer.of(0)]), limit };
    const events = Array.from(this.#parts.store.outbox.getRange(range), ({ key, value }) => ({
      ...this.#read(value),
      position: readPositionKey(key),
    }));
    return shardPage(events, position, limit);
  }

  get end(): string {
    return cursorText([this.#end]);
  }

  /** Drops what the limits no longer allow, but never the last event: the next one comes behind it. True: there is more to do. */
  trim(nowMs: number): boolean {
    const { store, limits } = this.#parts;
    if (limits === null) return false;
    const count = store.outboxCount();
    const dropped: Buffer[] = [];
    for (const key of store.outbox.getKeys({ limit: DROPPED_LIMIT })) {
      const left = count - dropped.length;
      const isOld = readPositionKey(key).atMs < nowMs - limits.keptMs;
      if (left === 1 || !(isOld || left > limits.keptCount)) break;
      dropped.push(key);
    }
    for (const key of dropped) store.outbox.removeSync(key);
    return dropped.length === DROPPED_LIMIT;
  }

  get #end(): Position {
    const [last] = this.#parts.store.outbox.getKeys({ start: END_OF_TIME, reverse: true, limit: 1 });
    return last === undefined ? FIRST_POSITION : readPositionKey(last);
  }

  #append<Event>(events: readonly Event[], bytesOf: (event: Event) => Buffer): void {
    const { store, clock, limits } = this.#parts;
    if (limits === null || events.length === 0) return;
    const nowMs = clock.nowMs();
    let position = this.#end;
    for (const event of events) {
      position = nextPosition(position, nowMs);
      store.outbox.putSync(positionKey(position), bytesOf(event));
    }
  }

  #read(value: Buffer): PaymentEvent | ProcessorEvent {
    if (value[0] === OF_PROCESSOR) return JSON.parse(value.toString('utf8', 1)) as ProcessorEvent;
    const payment = this.#parts.entries.shown(readUuid(value, AT.id), readEntry(value.subarray(AT.entry)));
    return {
      type: paymentEventType(payment.status),
      payment,
      chargedCents: value.readDoubleBE(AT.chargedCents),
    };
  }
}

function processorBytes(event: ProcessorEvent): Buffer {
  return Buffer.concat([Buffer.of(OF_PROCESSOR), Buffer.from(JSON.stringify(event))]);
}

function paymentBytes({ id, entry, chargedCents }: Finished): Buffer {
  const head = Buffer.alloc(AT.entry);
  head[0] = OF_PAYMENT;
  id.copy(head, AT.id);
  head.writeDoubleBE(chargedCents, AT.chargedCents);
  return Buffer.concat([head, entryBytes(entry)]);
}

function positionKey({ atMs, number }: Position): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUIntBE(atMs, 0, 6);
  key.writeUInt32BE(number, 6);
  return key;
}

function readPositionKey(key: Buffer): Position {
  return { atMs: key.readUIntBE(0, 6), number: key.readUInt32BE(6) };
}
