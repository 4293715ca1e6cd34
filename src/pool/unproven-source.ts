import type { ProcessorTarget } from '../config/processor-target.ts';
import { type Backoff, equalJitterMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Payment } from '../core/payment.ts';
import { isKnown } from '../ledger/actions.ts';
import type { Ledger, RestoredEntry } from '../ledger/ledger.ts';
import { asTemporaryOwner } from '../ledger/temporary-owner.ts';
import { type KnownThere, knownPayment } from '../processor/known-payment.ts';
import type { Processor } from '../processor/processor.ts';
import type { BooksStatusWatch } from './books-status-watch.ts';
import type { QueuedPayment, Source } from './source.ts';

export interface UnprovenSourceParts {
  readonly source: Source;
  readonly books: Pick<BooksStatusWatch, 'kind' | 'isFrozen' | 'looked'>;
  readonly ledger: Ledger;
  readonly instanceId: string;
  /** They may grow, both at once. */
  readonly processors: readonly Pick<Processor, 'find'>[];
  readonly targets: readonly Pick<ProcessorTarget, 'timeoutMs'>[];
  /** Whether a processor that says that it does not hold a payment can be believed. */
  readonly believesAbsence: (processor: number) => boolean;
  readonly backoff: Backoff;
  readonly stopping: () => boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** How many payments are looked up at once: it bounds the requests to each processor. */
const LOOKED_UP_MAX = 16;

type Asked = 'may-send' | 'is-known' | 'try-again';

/**
 * The payments of another source, as far as the books are fit for them: none while they are frozen; and while they are
 * unproven, each payment that the books do not know is looked up at every processor first. What one holds is written into
 * the books, and the claim of the dispatcher then finds it there.
 */
export class UnprovenSource implements Source {
  readonly #parts: UnprovenSourceParts;
  #askedCount = 0;
  #ready: QueuedPayment[] = [];
  #sourceWait: Promise<void> | null = null;
  #isReady = Promise.withResolvers<void>();

  constructor(parts: UnprovenSourceParts) {
    this.#parts = parts;
  }

  take(limit: number): QueuedPayment[] {
    const { books, source } = this.#parts;
    if (books.isFrozen) return [];
    const isUnproven = books.kind === 'unproven';
    if (!isUnproven && this.#ready.length === 0) return source.take(limit);
    const ready = this.#ready.splice(0, limit);
    if (!isUnproven) return [...ready, ...source.take(limit - ready.length)];
    for (const payment of source.take(this.#room())) void this.#ask(payment);
    return ready;
  }

  wait(): Promise<void> {
    const { books } = this.#parts;
    if (books.isFrozen) return books.looked();
    if (this.#ready.length > 0) return Promise.resolve();
    if (books.kind !== 'unproven') return this.#sourceReady();
    const own = [this.#isReady.promise, books.looked()];
    return Promise.race(this.#room() > 0 ? [this.#sourceReady(), ...own] : own);
  }

  /** One wait at a time: a second would take the first one's wake-up. */
  #sourceReady(): Promise<void> {
    this.#sourceWait ??= this.#parts.source.wait().finally(() => {
      this.#sourceWait = null;
    });
    return this.#sourceWait;
  }

  release(journalRef: number): void {
    this.#parts.source.release(journalRef);
  }

  leaveToLedger(correlationId: string): void {
    this.#parts.source.leaveToLedger(correlationId);
  }

  #room(): number {
    return LOOKED_UP_MAX - this.#askedCount;
  }

  async #ask(payment: QueuedPayment): Promise<void> {
    const { clock, backoff, random, stopping } = this.#parts;
    this.#askedCount++;
    for (let attempt = 1; ; attempt++) {
      const asked = await this.#lookUp(payment);
      if (asked !== 'try-again') break;
      // It is in the journal, and the next start brings it again.
      if (stopping()) return;
      await sleep(clock, equalJitterMs(backoff, attempt, random));
    }
    this.#askedCount--;
    this.#ready.push(payment);
    this.#isReady.resolve();
    this.#isReady = Promise.withResolvers();
  }

  async #lookUp(payment: Payment): Promise<Asked> {
    const { ledger, processors, targets, believesAbsence } = this.#parts;
    const { correlationId } = payment;
    const known = await ledger.find(correlationId);
    if (known.kind === 'unavailable') return 'try-again';
    if (isKnown(known.value)) return 'is-known';
    const answers = await Promise.all(
      processors.map((processor, index) => processor.find(correlationId, targets[index]?.timeoutMs ?? 0)),
    );
    // Another may hold it, too, but it is not sent again: an audit finds that.
    for (const [processor, answer] of answers.entries())
      if (answer.kind === 'held') return this.#adopt(payment, processor, answer);
    const isAnswered = answers.every(
      ({ kind }, processor) => kind !== 'unknown' && (kind !== 'absent' || believesAbsence(processor)),
    );
    if (!isAnswered) return 'try-again';
    for (const [processor, answer] of answers.entries())
      if (answer.kind === 'pending' || answer.kind === 'rejected')
        return this.#adopt(payment, processor, answer);
    return 'may-send';
  }

  async #adopt(payment: Payment, processor: number, answer: KnownThere): Promise<Asked> {
    const { ledger, instanceId, log, clock } = this.#parts;
    const { correlationId, amountCents, acceptedAtMs } = payment;
    const shard = ledger.shards[ledger.shardOf(correlationId)];
    if (shard === undefined) return 'try-again';
    const known = knownPayment(answer);
    const entry: RestoredEntry = {
      ...known,
      correlationId,
      amountCents,
      acceptedAtMs,
      processor,
      requestedAtMs: known.requestedAtMs ?? acceptedAtMs,
      attempts: 1,
      conflictingAmountCents: null,
      chargedCents: known.chargedCents ?? amountCents,
    };
    // One that is pending waits there for the next takeover.
    const written = await asTemporaryOwner(shard, { instanceId, name: 'adoption' }, clock.nowMs(), (owner) =>
      shard.restoreEntries(owner, [entry]),
    );
    // One that is pending there may be too old for the books to open it: it is not sent while the processor has it.
    if (written.kind === 'unavailable' || written.value[0] === 'forgotten') return 'try-again';
    log.info(
      { correlationId, processor },
      'a payment that the restored books lacked is at its processor already',
    );
    return 'is-known';
  }
}
