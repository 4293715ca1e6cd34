import { type Clock, sleep } from '../core/clock.ts';
import type { Totals } from '../core/payment.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import type { LookUpOutcome, ProcessorBooks } from '../processor/processor.ts';
import type { FoundForCertain } from './judgement.ts';
import type { Period } from './period.ts';

export interface AuditedProcessor {
  readonly name: string;
  readonly books: ProcessorBooks;
  /** How long a call waits for its response. */
  readonly timeoutMs: number;
  /** Its admin token; undefined: its totals cannot be read. */
  readonly token: string | undefined;
}

export interface InquiryParts {
  readonly processors: readonly AuditedProcessor[];
  readonly clock: Clock;
  /** Calls a second, over all processors. */
  readonly rate: number;
  /** Maximum number of payments to look up. */
  readonly paymentLimit: number;
}

/** Our entry of a payment. What the processor does not say about it counts as equal. */
type Asked = Pick<LedgerEntry, 'correlationId' | 'amountCents' | 'requestedAtMs'>;

/** A look-up that was answered. */
export type CertainLookUp = Exclude<LookUpOutcome, { readonly kind: 'unknown' }>;

const TRIES = 3;
const TRY_AGAIN_MS = 500;

/**
 * Asks the processors, one call at a time and at a limited rate. A processor that fails to answer is retried a few
 * times, and then not asked again.
 */
export class Inquiry {
  readonly #parts: InquiryParts;
  readonly #problems = new Map<string, string>();
  readonly #abandoned = new Set<number>();
  #nextCallAtMs = 0;
  #lookedUpCount = 0;

  constructor(parts: InquiryParts) {
    this.#parts = parts;
  }

  get lookedUpCount(): number {
    return this.#lookedUpCount;
  }

  /** Why the audit is incomplete, a sentence for each reason. */
  get problems(): string[] {
    return [...this.#problems.values()];
  }

  /** Records that the limit of look-ups was reached. */
  noteLimit(): void {
    this.#addProblem(
      'limit',
      `Stopped after ${this.#parts.paymentLimit} look-ups, the limit set by AUDIT_LIMIT.`,
    );
  }

  noteUnconfigured(name: string): void {
    this.#addProblem(`unconfigured ${name}`, `\`${name}\` is not configured, so its books were not read.`);
  }

  noteBlind(name: string, correlationId: string): void {
    this.#addProblem(
      `blind ${name}`,
      `\`${name}\` does not find ${correlationId}, which it has charged: check its URL and credentials.`,
    );
  }

  noteStranded(name: string, count: number): void {
    const payments = `${count} ${count === 1 ? 'payment is' : 'payments are'}`;
    this.#addProblem(
      `stranded ${name}`,
      `${payments} open at \`${name}\`, which is not configured: add it to PROCESSORS or PROCESSORS_FILE to settle them.`,
    );
  }

  /** Null: the processor's totals could not be read. */
  async totals(processor: number, { fromMs, toMs }: Period): Promise<Totals | null> {
    const { name, books, timeoutMs, token } = this.#processor(processor);
    if (token === undefined) {
      this.#addProblem(
        `token ${name}`,
        `The totals of \`${name}\` could not be read: no admin token is set for it.`,
      );
      return null;
    }
    const outcome = await this.#ask(processor, () => books.totals(fromMs, toMs, token, timeoutMs));
    if (outcome?.kind === 'reported') return { count: outcome.count, amountCents: outcome.amountCents };
    if (outcome?.kind === 'denied') {
      this.#addProblem(
        `token ${name}`,
        `The totals of \`${name}\` could not be read: it refuses its admin token.`,
      );
    }
    return null;
  }

  /** Null: the processor does not answer, or the limit of look-ups is reached. */
  async find(processor: number, entry: Asked): Promise<FoundForCertain | null> {
    if (this.#lookedUpCount >= this.#parts.paymentLimit) {
      this.noteLimit();
      return null;
    }
    this.#lookedUpCount++;
    return this.findAgain(processor, entry);
  }

  /** Asks again, without counting it. Null: the processor does not answer. */
  async findAgain(processor: number, entry: Asked): Promise<FoundForCertain | null> {
    const found = await this.lookUp(processor, entry.correlationId);
    if (found === null) return null;
    // What is pending or rejected there has not been charged.
    if (found.kind !== 'held') return { kind: 'absent' };
    return {
      kind: 'held',
      amountCents: found.amountCents ?? entry.amountCents,
      requestedAtMs: found.requestedAtMs ?? entry.requestedAtMs,
    };
  }

  /** What the processor says about an id, whatever our books have. Null: it does not answer. */
  lookUp(processor: number, correlationId: string): Promise<CertainLookUp | null> {
    const { books, timeoutMs } = this.#processor(processor);
    return this.#ask(processor, () => books.find(correlationId, timeoutMs));
  }

  async #ask<A extends { readonly kind: string }>(
    processor: number,
    call: () => Promise<A | { readonly kind: 'unknown'; readonly reason: string }>,
  ): Promise<Exclude<A, { kind: 'unknown' }> | null> {
    const { name } = this.#processor(processor);
    for (let failures = 0; !this.#abandoned.has(processor); ) {
      await this.#waitForRate();
      const answer = await call();
      if (!isUnknown(answer)) return answer as Exclude<A, { kind: 'unknown' }>;
      failures++;
      if (failures < TRIES) {
        await sleep(this.#parts.clock, TRY_AGAIN_MS * failures);
        continue;
      }
      this.#abandoned.add(processor);
      this.#addProblem(
        `no answer ${name}`,
        `\`${name}\` gave no valid answer in ${TRIES} tries: ${answer.reason}.`,
      );
    }
    return null;
  }

  async #waitForRate(): Promise<void> {
    const { clock, rate } = this.#parts;
    const waitMs = this.#nextCallAtMs - clock.monotonicMs();
    if (waitMs > 0) await sleep(clock, waitMs);
    this.#nextCallAtMs = Math.max(this.#nextCallAtMs, clock.monotonicMs()) + 1000 / rate;
  }

  #addProblem(kind: string, sentence: string): void {
    this.#problems.set(kind, sentence);
  }

  #processor(processor: number): AuditedProcessor {
    return this.#parts.processors[processor] as AuditedProcessor;
  }
}

function isUnknown(answer: {
  readonly kind: string;
}): answer is { readonly kind: 'unknown'; readonly reason: string } {
  return answer.kind === 'unknown';
}
