import { type Clock, sleep } from '../core/clock.ts';
import type { Totals } from '../core/payment.ts';
import type { Ledger, LedgerEntry, ProcessorTotals, Reply, StrandedPayments } from '../ledger/ledger.ts';
import { NOTHING, type Period } from './period.ts';

const TRIES = 5;
const TRY_AGAIN_MS = 500;
/** Entries that the ledger looks at for one page, and the rest that it is left before the next one. */
const PAGE_ENTRIES = 500;
const PAGE_PAUSE_MS = 5;

/**
 * The ledger, as an audit reads it: with patience, and a little at a time. Once it has not answered for good, `lost`
 * says why, and everything read from then on is empty and worth nothing.
 */
export class OurBooks {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  #lost: string | null = null;

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  get lost(): string | null {
    return this.#lost;
  }

  async totals(processor: number, { fromMs, toMs }: Period): Promise<Totals> {
    const totals = await this.#read(() => this.#ledger.summary(fromMs, toMs));
    const { count, amountCents } = totals?.[processor] ?? NOTHING;
    return { count, amountCents };
  }

  /** Of the processors that are not among the `configuredCount` that the ledger was opened with. */
  async unconfiguredTotals(configuredCount: number, { fromMs, toMs }: Period): Promise<ProcessorTotals[]> {
    const totals = await this.#read(() => this.#ledger.summary(fromMs, toMs));
    return totals?.slice(configuredCount) ?? [];
  }

  /** Open payments at such processors, whenever they were sent. */
  async stranded(): Promise<StrandedPayments[]> {
    return (await this.#read(() => this.#ledger.stranded(this.#clock.nowMs()))) ?? [];
  }

  find(correlationId: string): Promise<LedgerEntry | undefined> {
    return this.#read(() => this.#ledger.find(correlationId));
  }

  /** Shows every payment that may have been sent within the period. */
  async walk({ fromMs, toMs }: Period, show: (entry: LedgerEntry) => void): Promise<void> {
    for (let after: string | null = ''; after !== null; ) {
      const from: string = after;
      const page = await this.#read(() => this.#ledger.page(fromMs, toMs, from, PAGE_ENTRIES));
      for (const entry of page?.entries ?? []) show(entry);
      after = page?.next ?? null;
      if (after !== null) await sleep(this.#clock, PAGE_PAUSE_MS);
    }
  }

  async #read<T>(ask: () => Promise<Reply<T>>): Promise<T | undefined> {
    for (let failures = 0; this.#lost === null; ) {
      const reply = await ask();
      if (reply.kind === 'ok') return reply.value;
      failures++;
      if (failures === TRIES) this.#lost = reply.reason;
      else await sleep(this.#clock, TRY_AGAIN_MS);
    }
    return undefined;
  }
}
