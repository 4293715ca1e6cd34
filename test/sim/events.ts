import type { Ledger, LedgerEntry, OutboxEvent } from '../../src/ledger/ledger.ts';
import { eventId } from '../../src/ledger/outbox.ts';
import { must } from '../ledger/samples.ts';

const PAGE_LIMIT = 20;

/**
 * Knows which events the outbox must have: one each time that a payment is settled or rejected. Reads them while the
 * deployment works, as a client does.
 */
export class ExpectedEvents {
  readonly #ledger: Ledger;
  readonly #broken: (promise: string, correlationId: string | null) => void;
  /** By payment, in order. */
  readonly #expected = new Map<string, string[]>();
  readonly #open = new Set<string>();
  readonly #read: OutboxEvent[] = [];
  #cursor = '';
  #reading: Promise<void> = Promise.resolve();

  constructor(ledger: Ledger, broken: (promise: string, correlationId: string | null) => void) {
    this.#ledger = ledger;
    this.#broken = broken;
  }

  /** From now on, to finish it is an event. */
  opened(correlationId: string): void {
    this.#open.add(correlationId);
  }

  /** A commit has recorded this, now or earlier. */
  finished(correlationId: string, status: 'settled' | 'rejected'): void {
    if (!this.#open.delete(correlationId)) return;
    const types = this.#expected.get(correlationId) ?? [];
    this.#expected.set(correlationId, [...types, `payment.${status}`]);
  }

  /** Reads what is new. */
  read(): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      for (;;) {
        const { events, next, isLast } = await must(this.#ledger.outbox(this.#cursor, PAGE_LIMIT));
        this.#read.push(...events);
        this.#cursor = next;
        if (isLast) return;
      }
    });
    return this.#reading;
  }

  async balance(entries: Iterable<LedgerEntry>): Promise<void> {
    await this.read();
    // Adopted from a processor: no commit has told of it.
    for (const { correlationId, status } of entries)
      if (!this.#expected.has(correlationId)) this.#expected.set(correlationId, [`payment.${status}`]);
    const told = new Map<string, string[]>();
    const ids = new Set<string>();
    for (const event of this.#read) {
      const name = eventId(event);
      if (ids.has(name)) this.#broken(`the event ${name} was read twice`, null);
      ids.add(name);
      if (!('payment' in event)) continue;
      const { correlationId, status } = event.payment;
      if (event.type !== `payment.${status}`)
        this.#broken(`${event.type} of what was ${status}`, correlationId);
      told.set(correlationId, [...(told.get(correlationId) ?? []), event.type]);
    }
    for (const correlationId of new Set([...told.keys(), ...this.#expected.keys()])) {
      const [is, should] = [told.get(correlationId), this.#expected.get(correlationId)];
      if (is?.join() !== should?.join()) this.#broken(`its events are ${is}, not ${should}`, correlationId);
    }
  }
}
