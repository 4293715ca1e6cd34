import assert from 'node:assert/strict';
import type { Fee } from '../core/fee.ts';
import type { PaymentStatus } from '../core/payment.ts';
import type { ChangedLimits } from '../core/terms.ts';

/**
 * The outbox: what has become of payments, what operators have decided about processors, and whether these work, as events
 * that clients read in order. A ledger that was opened with `OutboxLimits` writes each event in the same commit as the change that it reports, so
 * that none is lost. A purge leaves them.
 *
 * Every shard has its own order, and a payment lives in one shard, so the events of a payment are in order. The position of
 * an event in its shard is a time in milliseconds and a number in it. It always rises, even if a clock is set back.
 */

/** What an operator has decided about a processor, or what an instance has observed. */
export type ProcessorEvent =
  | {
      readonly type: 'processor.added' | 'processor.removed';
      readonly processor: string;
      readonly by: string;
      readonly why: string;
    }
  | {
      readonly type: 'processor.paused';
      readonly processor: string;
      readonly by: string;
      readonly why: string;
    }
  | {
      readonly type: 'processor.resumed';
      readonly processor: string;
      readonly by: string;
      readonly why: string;
    }
  | {
      readonly type: 'processor.fee-changed';
      readonly processor: string;
      readonly by: string;
      readonly why: string;
      /** Null: as configured. */
      readonly fee: Fee | null;
    }
  | {
      readonly type: 'processor.limits-changed';
      readonly processor: string;
      readonly by: string;
      readonly why: string;
      /** All that operators have changed. */
      readonly limits: ChangedLimits;
    }
  | {
      readonly type: `processor.circuit-${'opened' | 'closed'}`;
      readonly processor: string;
      /** The instance that has observed it. */
      readonly instance: string;
    };

/** Where an event stands. */
export interface EventPlace {
  readonly shard: number;
  readonly position: Position;
  /** What a reader continues after, once it has this event. */
  readonly cursor: string;
}

export interface Position {
  readonly atMs: number;
  readonly number: number;
}

/** Before every event. */
export const FIRST_POSITION: Position = { atMs: 0, number: 0 };

const POSITION = /^(\d{1,15})-(\d{1,9})$/;
/** Between the positions in each shard, in their order. */
const SEPARATOR = '.';

export function positionText({ atMs, number }: Position): string {
  return `${atMs}-${number}`;
}

export function readPosition(text: string): Position | null {
  const [, atMs, number] = POSITION.exec(text) ?? [];
  return atMs === undefined ? null : { atMs: Number(atMs), number: Number(number) };
}

export function isAfter(one: Position, other: Position): boolean {
  return one.atMs === other.atMs ? one.number > other.number : one.atMs > other.atMs;
}

/** The position of an event that is written now, behind `last`. */
export function nextPosition(last: Position, nowMs: number): Position {
  return nowMs > last.atMs ? { atMs: nowMs, number: 0 } : { atMs: last.atMs, number: last.number + 1 };
}

export function cursorText(positions: readonly Position[]): string {
  return positions.map(positionText).join(SEPARATOR);
}

/**
 * The position in each shard that a cursor names. One position alone is meant for all shards: it is a time. The empty text
 * is the cursor before all events. Null: the text is no cursor of a ledger with so many shards.
 */
export function readCursor(cursor: string, shardCount: number): Position[] | null {
  const positions = cursor === '' ? [FIRST_POSITION] : cursor.split(SEPARATOR).map(readPosition);
  const [only = null] = positions;
  if (positions.length === 1 && only !== null) return Array.from({ length: shardCount }, () => only);
  return positions.length === shardCount && positions.every((position) => position !== null)
    ? positions
    : null;
}

/** The cursor before all events from this time on. */
export function cursorAt(ms: number): string {
  return positionText(ms <= 0 ? FIRST_POSITION : { atMs: ms - 1, number: LAST_NUMBER });
}

const LAST_NUMBER = 999_999_999;

/** The name of an event: it is the same each time that the event is read. */
export function eventId({ shard, position }: Omit<EventPlace, 'cursor'>): string {
  return `${shard}-${positionText(position)}`;
}

/** A page of one shard, which is not one of several. */
export function shardPage<Event extends Pick<EventPlace, 'position'>>(
  events: readonly Event[],
  after: Position,
  limit: number,
): { readonly events: readonly (Event & EventPlace)[]; readonly next: string; readonly isLast: boolean } {
  return {
    events: events.map((event) => ({ ...event, shard: 0, cursor: positionText(event.position) })),
    next: positionText(events.at(-1)?.position ?? after),
    isLast: events.length < limit,
  };
}

/** The type of the event of a payment that was settled or rejected. */
export function paymentEventType(status: PaymentStatus): `payment.${'settled' | 'rejected'}` {
  assert(status === 'settled' || status === 'rejected', 'only a finished payment has an event');
  return `payment.${status}`;
}
