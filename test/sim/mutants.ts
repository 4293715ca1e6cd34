/** A bug put into the gateway on purpose, by one replacement in one file of `src/`. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** The simulator has to tell each of these from the real gateway. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'drop the pin of a payment of unknown outcome',
    file: 'pool/dispatcher.ts',
    from: 'this.#doubt(held, held.calledAtMs);',
    to: '{}',
  },
  {
    name: 'drop the pin when the processor does not say what it holds',
    file: 'pool/dispatcher.ts',
    from: "case 'unknown':\n        this.#pin(held, 0);\n        break;\n      case 'absent'",
    to: "case 'unknown':\n        this.#rest(held, 0);\n        break;\n      case 'absent'",
  },
  {
    name: 'believe a 404 that is older than the doubt',
    file: 'pool/dispatcher.ts',
    from: 'askedAtMs >= held.doubtUntilMs',
    to: 'this.#parts.clock.monotonicMs() >= held.doubtUntilMs',
  },
  {
    name: 'drop the pin when a later call is refused',
    file: 'pool/dispatcher.ts',
    from: 'if (inDoubt) this.#pin(held, answer.retryAfterMs ?? 0);\n        else ',
    to: '',
  },
  {
    name: 'set aside as invalid what an earlier call may still commit',
    file: 'pool/dispatcher.ts',
    from: 'if (inDoubt) this.#pin(held, 0);\n        else this.#setAside',
    to: 'this.#setAside',
  },
  {
    name: 'claim the copy of what was taken over',
    file: 'pool/dispatcher.ts',
    from: 'if (known?.claimed === true) continue;',
    to: 'if (known !== undefined) continue;',
  },
  {
    name: 'resend with a new requestedAt',
    file: 'pool/dispatcher.ts',
    from: "this.#move(held, 'calling');\n    void this.#call(held);\n  }\n\n  #rest(",
    to: "this.#move(held, 'calling');\n    held.requestedAtMs = this.#parts.clock.nowMs();\n    void this.#call(held);\n  }\n\n  #rest(",
  },
  {
    name: 'free a pinned payment before the hold time',
    file: 'pool/dispatcher.ts',
    from: 'calledAtMs + this.#parts.policy.pinHoldMs',
    to: 'calledAtMs + 100',
  },
  {
    name: 'record the moment of the answer instead of the stamp',
    file: 'pool/dispatcher.ts',
    from: 'this.#settle(held, held.payment.amountCents, held.requestedAtMs)',
    to: 'this.#settle(held, held.payment.amountCents, this.#parts.clock.nowMs())',
  },
  {
    name: 'send what was taken over as if it were new',
    file: 'pool/dispatcher.ts',
    from: "entry.status === 'dispatched' ? 'pinned' : 'waiting'",
    to: "'waiting'",
  },
  {
    name: 'send without waiting for a claim that the ledger did not answer',
    file: 'pool/dispatcher.ts',
    from: 'for (const held of claims.reverse()) this.#unclaim(held);',
    to: "for (const held of claims) this.#claimed(held, 'claimed');",
  },
  {
    name: 'let the journal forget a payment before it is claimed',
    file: 'pool/dispatcher.ts',
    from: 'held.trace = payment.trace;',
    to: 'held.trace = payment.trace;\n      this.#parts.source.release(payment.journalRef);',
  },
  {
    name: 'let the journal forget what is pushed a second time',
    file: 'pool/dispatcher.ts',
    from: 'if (known?.journalRef !== payment.journalRef) this',
    to: 'this',
  },
  {
    name: 'let settlements wait that the ledger could not take',
    file: 'pool/dispatcher.ts',
    from: 'if (this.#settlements.length > 0) this.stir();',
    to: '',
  },
  {
    name: 'stay deaf after room has been made by a lost lease',
    file: 'pool/dispatcher.ts',
    from: 'if (this.#held.size < heldCount) this.stir();',
    to: '',
  },
  {
    name: 'let go twice of what is settled while the lease is lost',
    file: 'pool/dispatcher.ts',
    from: "if (held.state !== 'gone') this.#drop(held);",
    to: 'this.#drop(held);',
  },
  {
    name: 'send trials beyond the limit of calls',
    file: 'pool/dispatcher.ts',
    from: 'this.#calls.isFull(route.processor) ||',
    to: '',
  },
  {
    name: 'treat a timeout as refused',
    file: 'processor/response.ts',
    from: "  return { kind: 'unknown', reason };\n}",
    to: "  return { kind: 'refused', reason, retryAfterMs: null };\n}",
  },
  {
    name: 'treat 500 as refused without asking',
    file: 'processor/response.ts',
    from: "return { kind: 'failed', reason };",
    to: "return { kind: 'refused', reason, retryAfterMs: null };",
  },
  {
    name: 'treat an answer that broke off as 404',
    file: 'processor/response.ts',
    from: "if (response.cut === '' && response.status === 404)",
    to: 'if (response.status === 404 || response.status === 0)',
  },
  {
    name: 'claim on while the answer to a take-over is lost',
    file: 'ledger/lease.ts',
    from: 'for (let attempt = 1; !this.#stopped; attempt++) {\n      const reply = await ledger.takeOver',
    to: 'for (let attempt = 1; attempt === 1; attempt++) {\n      const reply = await ledger.takeOver',
  },
  {
    name: 'choose the claims of a turn before a take-over that is under way has ended',
    file: 'pool/dispatcher.ts',
    from: 'await this.#alone(() => this.#commit(this.#route()));',
    to: 'const claims = this.#route();\n      await this.#alone(() => this.#commit(claims));',
  },
  {
    name: 'take what is in the journal for accepted where more is promised',
    file: 'journal/recovery.ts',
    from: 'if (journalAccepts) recent',
    to: 'recent',
  },
  {
    name: 'hold what was only reserved as if it were claimed',
    file: 'pool/dispatcher.ts',
    from: 'once more, sent.\n',
    to: 'once more, sent.\n      held.claimed = true;\n',
  },
  {
    name: 'forget a repetition together with what it repeats',
    file: 'http/payment-acceptor.ts',
    from: 'pending.repeats && this.#isConflict(pending)',
    to: 'false',
  },
  {
    name: 'stay the owner of what may have been reserved unseen',
    file: 'http/payment-acceptor.ts',
    from: 'void lease.resign(owner);',
    to: '',
  },
  {
    name: 'never take over from the dead',
    file: 'ledger/lease.ts',
    from: 'adopt(reply.value);',
    to: '',
  },
  {
    name: 'trust a lease that has run out',
    file: 'ledger/lease.ts',
    from: 'return this.#parts.clock.monotonicMs() < this.#goodUntilMs;',
    to: 'return this.#goodUntilMs > 0;',
  },
  {
    name: 'count a settlement twice when its commit is repeated',
    file: 'ledger/memory/ledger.ts',
    from: "return isSame ? 'recorded' : 'fenced';",
    to: "if (isSame && status === 'settled') this.#store.charges.push({ processor, amountCents, requestedAtMs });\n      return isSame ? 'recorded' : 'fenced';",
  },
  {
    name: 'ignore fencing in claims',
    file: 'ledger/memory/ledger.ts',
    from: 'return this.#store.owners.get(owner)?.fenced === false;',
    to: 'return true;',
  },
  {
    name: 'claim without checking the owner',
    file: 'ledger/memory/ledger.ts',
    from: "if (entry.owner !== owner && !mayDispatch) return 'known';",
    to: '',
  },
  {
    name: 'do not tell of another amount',
    file: 'ledger/memory/ledger.ts',
    from: 'entry.conflictingAmountCents ??= claim.amountCents;',
    to: '',
  },
  {
    name: 'let another amount pass at the same instance',
    file: 'shared-memory/idempotency-cache.ts',
    from: "if (!equal) return 'conflict';",
    to: '',
  },
  {
    name: 'acknowledge before the journal',
    file: 'http/payment-acceptor.ts',
    from: 'journalRef < 0 ? NO_SEGMENT : journal.flush()',
    to: "(queueMicrotask(() => journal.flush()), { kind: 'ok' as const })",
  },
  {
    name: 'acknowledge before the disk has it',
    file: 'http/payment-acceptor.ts',
    from: 'const synced = await journal.sync();',
    to: "const synced = { kind: 'ok' };",
  },
  {
    name: 'replay nothing',
    file: 'journal/recovery.ts',
    from: 'this.#running.then(() => this.#pushAll());',
    to: 'Promise.resolve();',
  },
  {
    name: 'forget the torn tail',
    file: 'journal/journal-files.ts',
    from: 'while (end > 0 && !page.isGood(end - 1, end - 1)) end--;',
    to: '',
  },
  {
    name: 'believe every record',
    file: 'journal/record.ts',
    from: 'this.#view.getUint32(offset + CHECKSUM, true) === this.#checksum(index)',
    to: 'true',
  },
  {
    name: 'remove the journal before it is done',
    file: 'shared-memory/segment-table.ts',
    from: 'if (bits !== expected) return false;',
    to: '',
  },
  {
    name: 'probe health out of turn',
    file: 'pool/health.ts',
    from: '|| !turn.value ||',
    to: '||',
  },
  {
    name: 'probe health in a turn that is over',
    file: 'pool/health.ts',
    from: '|| isLate',
    to: '',
  },
];
