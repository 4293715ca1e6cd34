import { type Clock, sleep } from '../core/clock.ts';
import type { Totals } from '../core/payment.ts';
import type {
  Ledger,
  LedgerEntry,
  NoSum,
  ProcessorPayments,
  ProcessorTotals,
  Reply,
} from '../ledger/ledger.ts';
import { NOTHING, type Period } from './period.ts';

const TRIES = 5;
const TRY_AGAIN_MS = 500;
/** Entries that the ledger reads per page, and the pause between pages. */
const PAGE_ENTRIES = 500;
const PAGE_PAUSE_MS = 5;

/** Why an audit has no report. */
export type ReadFailure = Exclude<Reply<never> | NoSum, { readonly kind: 'ok' }>;

/**
 * The ledger as read by an audit: with retries, and in small pages. Once the retries are exhausted, or the books
 * have no sum of a window, `failure` says why, and all later reads return nothing.
 */
export class OurBooks {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  #failure: ReadFailure | null = null;

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  get failure(): ReadFailure | null {
    return this.#failure;
  }

  async totals(processor: number, { fromMs, toMs }: Period): Promise<Totals> {
    const totals = await this.#read(() => this.#ledger.summary(fromMs, toMs));
    const { count, amountCents } = totals?.[processor] ?? NOTHING;
    return { count, amountCents };
  }

  /** From when on the books know exact totals of any period. */
  async exactFromMs(): Promise<number> {
    return (await this.#read(() => this.#ledger.foldedTime()))?.folded.secondsMs ?? 0;
  }

  /** Totals of processors beyond the `configuredCount` with which the ledger was opened. */
  async unconfiguredTotals(configuredCount: number, { fromMs, toMs }: Period): Promise<ProcessorTotals[]> {
    const totals = await this.#read(() => this.#ledger.summary(fromMs, toMs));
    return totals?.slice(configuredCount) ?? [];
  }

  /** Open payments at such processors, of any time. */
  async stranded(): Promise<ProcessorPayments[]> {
    return (await this.#read(() => this.#ledger.stranded(this.#clock.nowMs()))) ?? [];
  }

  find(correlationId: string): Promise<LedgerEntry | undefined> {
    return this.#read(() => this.#ledger.find(correlationId));
  }

  /** Calls `show` with every payment that may have been sent within the period. */
  async walk({ fromMs, toMs }: Period, show: (entry: LedgerEntry) => void): Promise<void> {
    for (let after: string | null = ''; after !== null; ) {
      const from: string = after;
      const page = await this.#read(() => this.#ledger.page(fromMs, toMs, from, PAGE_ENTRIES));
      for (const entry of page?.entries ?? []) show(entry);
      after = page?.next ?? null;
      if (after !== null) await sleep(this.#clock, PAGE_PAUSE_MS);
    }
  }

  async #read<T>(ask: () => Promise<Reply<T> | NoSum>): Promise<T | undefined> {
    for (let failures = 0; this.#failure === null; ) {
      const reply = await ask();
      if (reply.kind === 'ok') return reply.value;
      failures++;
      if (reply.kind !== 'unavailable' || failures === TRIES) this.#failure = reply;
      else await sleep(this.#clock, TRY_AGAIN_MS);
    }
    return undefined;
  }
}
