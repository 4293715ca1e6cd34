import type { Clock } from '../core/clock.ts';
import type { Ledger, OutboxEvent } from '../ledger/ledger.ts';
import { cursorText, FIRST_POSITION, isAfter, type Position } from '../ledger/outbox.ts';

export interface EventFeedParts {
  readonly ledger: Pick<Ledger, 'shards' | 'outbox'>;
  readonly clock: Clock;
  /** The text of an event on one line. */
  readonly textOf: (event: OutboxEvent) => string;
}

/** Where the events of a reader go. */
export interface EventSink {
  /** False: it has no room for more until `drained` is called. */
  send(text: string): boolean;
  /** Ends the connection, which then leaves. */
  drop(): void;
}

/** How often the ledger is read for all readers that have every event so far. */
const POLL_MS = 250;
/** The pause between two pages for readers that are behind, so that payments come first. */
const PAGE_PAUSE_MS = 5;
/** At most some 100 KB for a reader at once. */
const PAGE_EVENTS = 200;
/** Proxies close a connection on which nothing comes: the nginx of this project after 10 s. */
const HEARTBEAT_MS = 5000;
/** A reader that takes nothing for so long is disconnected, to make room for another. */
const STUCK_MAX_MS = 30_000;
/** A comment, which readers ignore. */
const HEARTBEAT = ':\n\n';

/** A reader of the events. */
class Reader {
  readonly sink: EventSink;
  /** What it has, in each shard. */
  readonly positions: Position[];
  /** Whether it had every event when it was last served. */
  isCurrent = false;
  hasRoom = true;
  sentAtMs: number;
  #gathered = '';

  constructor(sink: EventSink, positions: readonly Position[], nowMs: number) {
    this.sink = sink;
    this.positions = [...positions];
    this.sentAtMs = nowMs;
  }

  /** Gathers an event, unless the reader has it. */
  add({ shard, position }: OutboxEvent, text: string): void {
    if (!isAfter(position, this.positions[shard] ?? FIRST_POSITION)) return;
    this.positions[shard] = position;
    this.#gathered += `id: ${cursorText(this.positions)}\ndata: ${text}\n\n`;
  }

  /** Sends what is gathered, or a heartbeat if it is time for one. */
  flush(nowMs: number): void {
    const text = this.#gathered || (nowMs - this.sentAtMs < HEARTBEAT_MS ? '' : HEARTBEAT);
    if (text === '') return;
    this.#gathered = '';
    this.sentAtMs = nowMs;
    this.hasRoom = this.sink.send(text);
  }
}

/**
 * Sends the events of the ledger to all readers of this thread. Those that have every event so far share one read of the
 * ledger; each of the others catches up by pages of its own. A reader without room gets nothing until it has room again, and
 * no more than a page is ever kept for it. The ledger is read only while there are readers.
 */
export class EventFeed {
  readonly #parts: EventFeedParts;
  readonly #readers = new Set<Reader>();
  #cancel: () => void = () => {};
  #isServing = false;

  constructor(parts: EventFeedParts) {
    this.#parts = parts;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Adds a reader that has what is before these positions. */
  join(sink: EventSink, positions: readonly Position[]): { drained(): void; leave(): void } {
    const reader = new Reader(sink, positions, this.#parts.clock.monotonicMs());
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#schedule(0);
    return {
      drained: () => {
        reader.hasRoom = true;
      },
      leave: () => {
        this.#readers.delete(reader);
        if (this.#readers.size === 0) this.#cancel();
      },
    };
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    if (this.#readers.size === 0) return;
    this.#cancel = this.#parts.clock.after(delayMs, () => void this.#serve());
  }

  async #serve(): Promise<void> {
    // A reader that has joined meanwhile is served by the next round.
    if (this.#isServing) return;
    this.#isServing = true;
    const nowMs = this.#parts.clock.monotonicMs();
    for (const { hasRoom, sentAtMs, sink } of this.#readers)
      if (!hasRoom && nowMs - sentAtMs > STUCK_MAX_MS) sink.drop();
    const ready = [...this.#readers].filter(({ hasRoom }) => hasRoom);
    const current = ready.filter(({ isCurrent }) => isCurrent);
    const behind = ready.filter(({ isCurrent }) => !isCurrent);
    let isMore = await this.#servePage(current);
    for (const reader of behind) if (await this.#servePage([reader])) isMore = true;
    this.#isServing = false;
    this.#schedule(isMore ? PAGE_PAUSE_MS : POLL_MS);
  }

  /** Sends one page to these readers. True: there may be more for them at once. */
  async #servePage(readers: readonly Reader[]): Promise<boolean> {
    if (readers.length === 0) return false;
    const { ledger, clock, textOf } = this.#parts;
    const reply = await ledger.outbox(cursorText(earliest(readers, ledger.shards.length)), PAGE_EVENTS);
    const present = readers.filter((reader) => this.#readers.has(reader));
    if (reply.kind === 'ok') {
      for (const event of reply.value.events) {
        const text = textOf(event);
        for (const reader of present) reader.add(event, text);
      }
      for (const reader of present) reader.isCurrent = reply.value.isLast;
    }
    const nowMs = clock.monotonicMs();
    for (const reader of present) reader.flush(nowMs);
    return reply.kind === 'ok' && !reply.value.isLast && reply.value.events.length > 0;
  }
}

/** For each shard the position that all of these readers have reached. */
function earliest(readers: readonly Reader[], shardCount: number): Position[] {
  return Array.from({ length: shardCount }, (_, shard) =>
    readers
      .map(({ positions }) => positions[shard] ?? FIRST_POSITION)
      .reduce((one, other) => (isAfter(one, other) ? other : one)),
  );
}
