import { Audit, type AuditRequest } from '../../src/audit/audit.ts';
import { OurBooks, type ReadFailure } from '../../src/audit/our-books.ts';
import type { AuditProgress } from '../../src/audit/progress.ts';
import type { AuditReport } from '../../src/audit/report.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Reply, Shard } from '../../src/ledger/ledger.ts';
import { HttpProcessor } from '../../src/processor/client.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import type { SimulatedProcessor } from '../../src/simulated/processor.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { must } from '../ledger/samples.ts';
import { idOf } from '../payment-id.ts';
import { ADMIN_TOKEN, type ServedProcessor, serveSimulated } from '../simulated/serve-simulated.ts';

export const NAMES = ['default', 'fallback'] as const;
export const NOW_MS = Date.UTC(2025, 6, 15, 12);
const SETTLES_WITHIN_MS = 50_000;
/** Too long ago for a settlement to be pending. */
export const LONG_AGO_MS = NOW_MS - 600_000;
const PRICE_CENTS = 1990;

export interface Planted {
  readonly processor?: 0 | 1;
  readonly amountCents?: number;
  readonly requestedAtMs?: number;
}

export interface SiteOptions {
  readonly tokens?: readonly (string | undefined)[];
  readonly paymentLimit?: number;
}

/** Two simulated processors behind HTTP, and books that the test fills; time stands still. */
export class Site {
  readonly ledger: Shard;
  readonly processors: readonly SimulatedProcessor[];
  readonly #served: readonly ServedProcessor[];
  readonly #clients: readonly HttpProcessor[];
  readonly #options: SiteOptions;
  #owner = 0;
  /** The progress reported by the audit. */
  readonly progress: AuditProgress[] = [];
  #slept: number[] = [];
  /** Called with the duration when the auditor sleeps. */
  onSleep: (delayMs: number) => void = () => {};

  static async run(
    ledger: Shard,
    use: (site: Site) => Promise<void>,
    options: SiteOptions = {},
  ): Promise<void> {
    const served = await Promise.all(NAMES.map(() => serveSimulated()));
    const site = new Site(ledger, served, options);
    try {
      site.#owner = await must(
        ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, NOW_MS + 86_400_000),
      );
      await use(site);
    } finally {
      await site.#close();
    }
  }

  private constructor(ledger: Shard, served: readonly ServedProcessor[], options: SiteOptions) {
    this.ledger = ledger;
    this.processors = served.map(({ processor }) => processor);
    this.#served = served;
    this.#options = options;
    this.#clients = served.map(({ url }, index) => {
      const name = NAMES[index] ?? '';
      return new HttpProcessor({
        name,
        url,
        contract: rinha(''),
        connectionCount: 1,
        clock: systemClock,
        tracer: propagationOnlyTracer,
      });
    });
  }

  /** The durations for which the auditor slept. */
  get slept(): readonly number[] {
    return this.#slept;
  }

  /** Sent, without an answer. */
  async claim(number: number, planted: Planted = {}): Promise<void> {
    const { processor = 0, amountCents = PRICE_CENTS, requestedAtMs = LONG_AGO_MS + number } = planted;
    const claim = {
      correlationId: idOf(number),
      amountCents,
      acceptedAtMs: requestedAtMs - 5,
      requestedAtMs,
    };
    await must(this.ledger.commit(this.#owner, [], [{ ...claim, processor }]));
  }

  async settle(number: number, planted: Planted = {}): Promise<void> {
    const { processor = 0, amountCents = PRICE_CENTS, requestedAtMs = LONG_AGO_MS + number } = planted;
    const settled = { correlationId: idOf(number), status: 'settled', reason: '' } as const;
    await must(this.ledger.commit(this.#owner, [{ ...settled, processor, amountCents, requestedAtMs }], []));
  }

  /** Accepted, never sent. */
  async reserve(number: number): Promise<void> {
    const payment = { correlationId: idOf(number), amountCents: PRICE_CENTS, acceptedAtMs: LONG_AGO_MS };
    await must(this.ledger.commit(this.#owner, [], [{ ...payment, processor: null, requestedAtMs: 0 }]));
  }

  async reject(number: number): Promise<void> {
    await this.claim(number);
    const settlement = { correlationId: idOf(number), status: 'rejected', reason: 'HTTP 400' } as const;
    const rest = { processor: 0, amountCents: PRICE_CENTS, requestedAtMs: LONG_AGO_MS + number };
    await must(this.ledger.commit(this.#owner, [{ ...settlement, ...rest }], []));
  }

  /** Charges a payment at a processor, whatever our books say. */
  charge(number: number, planted: Planted = {}): void {
    const { processor = 0, amountCents = PRICE_CENTS, requestedAtMs = LONG_AGO_MS + number } = planted;
    this.processors[processor]?.pay({ correlationId: idOf(number), amountCents, requestedAtMs }, () => {});
  }

  /** The normal case: claimed, charged, settled. */
  async pay(number: number, planted: Planted = {}): Promise<void> {
    await this.claim(number, planted);
    this.charge(number, planted);
    await this.settle(number, planted);
  }

  /** Stops a processor. */
  silence(processor: 0 | 1): void {
    this.#served[processor]?.close();
  }

  audit(request: Partial<AuditRequest> = {}): Promise<Reply<AuditReport> | ReadFailure> {
    const { tokens = [ADMIN_TOKEN, ADMIN_TOKEN], paymentLimit = 1000 } = this.#options;
    const clock: Clock = {
      nowMs: () => NOW_MS,
      monotonicMs: systemClock.monotonicMs,
      stopwatchMs: systemClock.stopwatchMs,
      after: (delayMs, run) => {
        this.#slept.push(delayMs);
        this.onSleep(delayMs);
        return systemClock.after(0, run);
      },
    };
    const processors = NAMES.map((name, index) => ({
      name,
      books: this.#clients[index] as HttpProcessor,
      timeoutMs: 20_000,
      token: tokens[index],
    }));
    const ours = new OurBooks(this.ledger, clock);
    return new Audit({
      ours,
      processors,
      clock,
      rate: 1000,
      paymentLimit,
      settlesWithinMs: SETTLES_WITHIN_MS,
      secondLookMs: 3000,
      onProgress: (progress) => this.progress.push(progress),
    }).run({ fromMs: -Infinity, toMs: Infinity, every: false, differenceLimit: 200, ...request });
  }

  async report(request: Partial<AuditRequest> = {}): Promise<AuditReport> {
    return must(this.audit(request));
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const each of this.#served) each.close();
    await this.ledger.close();
  }
}
