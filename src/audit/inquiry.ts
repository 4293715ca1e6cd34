import { type Clock, sleep } from '../core/clock.ts';
import type { Totals } from '../core/payment.ts';
import type { ProcessorBooks } from '../processor/processor.ts';
import type { FoundForCertain } from './judgement.ts';
import type { Period } from './period.ts';

export interface AuditedProcessor {
  readonly name: string;
  readonly books: ProcessorBooks;
  /** What its administrators show; undefined: its totals can't be read. */
  readonly token: string | undefined;
}

export interface InquiryParts {
  readonly processors: readonly AuditedProcessor[];
  readonly clock: Clock;
  /** Calls a second, over all processors. */
  readonly rate: number;
  /** Payments that may be looked up. */
  readonly paymentLimit: number;
  readonly timeoutMs: number;
}

const TRIES = 3;
const TRY_AGAIN_MS = 500;

/**
 * Asks the processors, one call at a time and none too many a second. A processor that does not answer is asked
 * again, a few times in all; from then on it counts as silent and is left alone.
 */
export class Inquiry {
  readonly #parts: InquiryParts;
  readonly #problems = new Map<string, string>();
  readonly #silent = new Set<number>();
  #nextCallAtMs = 0;
  #lookedUpCount = 0;

  constructor(parts: InquiryParts) {
    this.#parts = parts;
  }

  get lookedUpCount(): number {
    return this.#lookedUpCount;
  }

  /** Why not everything that was asked was answered, a sentence for each reason. */
  get problems(): string[] {
    return [...this.#problems.values()];
  }

  /** More payments should have been looked up than may be. */
  noteLimit(): void {
    this.#note('limit', `No more than ${this.#parts.paymentLimit} payments were looked up: AUDIT_LIMIT.`);
  }

  noteUnconfigured(name: string): void {
    this.#note(`unconfigured ${name}`, `\`${name}\` is not configured, so it was not asked what it holds.`);
  }

  noteStranded(name: string, count: number): void {
    const payments = `${count} ${count === 1 ? 'payment is' : 'payments are'}`;
    this.#note(
      `stranded ${name}`,
      `${payments} open at \`${name}\`, which is not configured: add it to PROCESSORS to settle them.`,
    );
  }

  /** Null when the processor does not tell. */
  async totals(processor: number, { fromMs, toMs }: Period): Promise<Totals | null> {
    const { name, books, token } = this.#processor(processor);
    if (token === undefined) {
      this.#note(
        `token ${name}`,
        `The totals of \`${name}\` are unread: PROCESSOR_TOKENS has no token for it.`,
      );
      return null;
    }
    const told = await this.#ask(processor, () => books.totals(fromMs, toMs, token, this.#parts.timeoutMs));
    if (told?.kind === 'told') return { count: told.count, amountCents: told.amountCents };
    if (told?.kind === 'denied') {
      this.#note(`token ${name}`, `The totals of \`${name}\` are unread: it refuses the token that we have.`);
    }
    return null;
  }

  /** Null when the processor does not answer, or as many payments as may be have been looked up. */
  async find(processor: number, correlationId: string): Promise<FoundForCertain | null> {
    if (this.#lookedUpCount >= this.#parts.paymentLimit) {
      this.noteLimit();
      return null;
    }
    this.#lookedUpCount++;
    return this.findAgain(processor, correlationId);
  }

  /** Once more; that does not count. Null when the processor does not answer. */
  findAgain(processor: number, correlationId: string): Promise<FoundForCertain | null> {
    const { books } = this.#processor(processor);
    return this.#ask(processor, () => books.find(correlationId, this.#parts.timeoutMs));
  }

  async #ask<A extends { readonly kind: string }>(
    processor: number,
    call: () => Promise<A | { readonly kind: 'unknown'; readonly reason: string }>,
  ): Promise<Exclude<A, { kind: 'unknown' }> | null> {
    const { name } = this.#processor(processor);
    for (let failures = 0; !this.#silent.has(processor); ) {
      await this.#turn();
      const answer = await call();
      if (!isUnknown(answer)) return answer as Exclude<A, { kind: 'unknown' }>;
      failures++;
      if (failures < TRIES) {
        await sleep(this.#parts.clock, TRY_AGAIN_MS * failures);
        continue;
      }
      this.#silent.add(processor);
      this.#note(`silent ${name}`, `\`${name}\` does not answer as it should: ${answer.reason}.`);
    }
    return null;
  }

  async #turn(): Promise<void> {
    const { clock, rate } = this.#parts;
    const waitMs = this.#nextCallAtMs - clock.monotonicMs();
    if (waitMs > 0) await sleep(clock, waitMs);
    this.#nextCallAtMs = Math.max(this.#nextCallAtMs, clock.monotonicMs()) + 1000 / rate;
  }

  #note(kind: string, sentence: string): void {
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
