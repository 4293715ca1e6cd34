import type { LedgerEvent } from '../ledger.ts';
import type { Send } from './connection.ts';
import { type ProcessorNumbers, readHealth } from './records.ts';
import { bytesOf, listOf, pairsOf } from './replies.ts';

/** `P`, the first byte of a purge event. */
const PURGED = 0x50;

/** A subscriber and the latest events it got, so that a new connection repeats none. */
interface Subscription {
  readonly listener: (event: LedgerEvent) => void;
  readonly checkedAtMs: Map<number, number>;
  purgedAtMs: number;
}

/** The open books, as far as events need them. */
interface EventSource {
  readonly channel: string;
  readonly processors: ProcessorNumbers;
  /** The reply of the function `state`. */
  state(send: Send): Promise<unknown>;
}

/** Delivers what the books' channel reports, and after each reconnect what was missed. */
export class Subscriptions {
  readonly #source: EventSource;
  readonly #all = new Set<Subscription>();
  #isListening = false;

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Returns what ends the subscription. */
  async add(send: Send, listener: (event: LedgerEvent) => void): Promise<() => void> {
    const subscription: Subscription = { listener, checkedAtMs: new Map(), purgedAtMs: 0 };
    await this.#listen(send);
    const events = await this.#state(send);
    // Redis answers in order: this state includes all earlier events, and later ones are still to come.
    this.#all.add(subscription);
    for (const event of events) notify(subscription, event);
    return () => {
      this.#all.delete(subscription);
    };
  }

  /** A new connection is there. */
  async reconnected(send: Send): Promise<void> {
    this.#isListening = false;
    if (this.#all.size === 0) return;
    await this.#listen(send);
    const events = await this.#state(send);
    for (const subscription of this.#all) {
      for (const event of events) if (isNew(subscription, event)) notify(subscription, event);
    }
  }

  clear(): void {
    this.#all.clear();
  }

  /** Pub/sub shares the connection: RESP3 delivers messages between replies. */
  async #listen(send: Send): Promise<void> {
    if (this.#isListening) return;
    await send.subscribe(this.#source.channel, (message) => {
      const event = this.#eventOf(message);
      if (event === undefined) return;
      for (const subscription of this.#all) notify(subscription, event);
    });
    this.#isListening = true;
  }

  #eventOf(message: Buffer): LedgerEvent | undefined {
    if (message[0] === PURGED) return purgeEvent(message.readDoubleBE(1));
    const processor = this.#source.processors.positions[message[1] as number];
    if (processor === undefined) return undefined;
    return { kind: 'health', report: readHealth(processor, message.subarray(2)) };
  }

  async #state(send: Send): Promise<LedgerEvent[]> {
    const [health, purgedAt] = listOf(await this.#source.state(send));
    const events = pairsOf(health).map(([number, row]): LedgerEvent | undefined => {
      const processor = this.#source.processors.positions[Number(number)];
      // A row without a check holds only a turn.
      if (processor === undefined || row.readDoubleBE(8) === 0) return undefined;
      return { kind: 'health', report: readHealth(processor, row.subarray(8)) };
    });
    events.push(purgeEvent(bytesOf(purgedAt).readDoubleBE(0)));
    return events.filter((event) => event !== undefined);
  }
}

function purgeEvent(purgedAtMs: number): LedgerEvent | undefined {
  return purgedAtMs === 0 ? undefined : { kind: 'purged', purgedAtMs };
}

function isNew(subscription: Subscription, event: LedgerEvent): boolean {
  if (event.kind === 'purged') return event.purgedAtMs !== subscription.purgedAtMs;
  return event.report.checkedAtMs !== subscription.checkedAtMs.get(event.report.processor);
}

function notify(subscription: Subscription, event: LedgerEvent): void {
  if (event.kind === 'purged') subscription.purgedAtMs = event.purgedAtMs;
  else subscription.checkedAtMs.set(event.report.processor, event.report.checkedAtMs);
  subscription.listener(event);
}
