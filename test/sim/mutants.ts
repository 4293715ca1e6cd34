/** A deliberate bug: one replacement in one file of `src/`. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** The simulator has to detect each of these. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'forget that an unknown outcome is in doubt',
    file: 'pool/delivery.ts',
    from: 'const state = isOutcomeOpen ? { ...before, inDoubtUntilMs: before.callMayRunUntilMs } : before;',
    to: 'const state = before;',
  },
  {
    name: 'end the doubt when a look-up is not answered',
    file: 'pool/delivery.ts',
    from: "case 'unknown':\n      return inDoubt(state);\n    case 'pending'",
    to: "case 'unknown':\n      return backingOff(state);\n    case 'pending'",
  },
  {
    name: 'believe a 404 from before the hold time',
    file: 'pool/dispatcher.ts',
    from: "this.#apply(delivery, { kind: 'looked-up', found, askedAtMs, pendingUntilMs, repeat });",
    to: "this.#apply(delivery, { kind: 'looked-up', found, askedAtMs: clock.monotonicMs(), pendingUntilMs, repeat });",
  },
  {
    name: 'end the doubt when a later call is refused',
    file: 'pool/delivery.ts',
    from: 'return mayBeCommittedEarlier ? inDoubt(state) : backingOff(state);',
    to: 'return backingOff(state);',
  },
  {
    name: 'reject a payment that an earlier call may still commit',
    file: 'pool/delivery.ts',
    from: 'return mayBeCommittedEarlier\n        ? inDoubt(state)\n        : settling',
    to: 'return settling',
  },
  {
    name: 'claim a repeated post of a payment taken over',
    file: 'pool/dispatcher.ts',
    from: 'if (known?.state.isClaimed === true) continue;',
    to: 'if (known !== undefined) continue;',
  },
  {
    name: 'resend with a new requestedAt',
    file: 'pool/delivery.ts',
    from: "to(state, { phase: 'calling', ...repeat }, [CALL])",
    to: "to(state, { phase: 'calling', ...repeat, requestedAtMs: state.requestedAtMs + 1 }, [CALL])",
  },
  {
    name: 'end the doubt before the hold time',
    file: 'pool/dispatcher.ts',
    from: 'calledAtMs + this.#targetOf(processor).inDoubtHoldMs',
    to: 'calledAtMs + 100',
  },
  {
    name: 'settle with the time of the answer instead of requestedAt',
    file: 'pool/dispatcher.ts',
    from: 'settlement: { correlationId, processor: delivery.state.processor, ...outcome },',
    to: 'settlement: { correlationId, processor: delivery.state.processor, ...outcome, requestedAtMs: this.#parts.clock.nowMs() },',
  },
  {
    name: 'send a payment taken over as if it were new',
    file: 'pool/dispatcher.ts',
    from: "if (entry.status === 'dispatched') this.#resume(delivery, entry);\n      // One that was only reserved may be claimed by any owner, and be taken over once more, dispatched.\n      else this.#queue",
    to: 'this.#queue',
  },
  {
    name: 'send although the ledger did not reply to the claim',
    file: 'pool/dispatcher.ts',
    from: "for (const delivery of claims.reverse()) this.#apply(delivery, { kind: 'claim-lost' });",
    to: "for (const delivery of claims) this.#apply(delivery, { kind: 'claim-replied', reply: 'claimed', call: this.#callTimes(delivery.state.processor) });",
  },
  {
    name: 'release a journal record before the claim',
    file: 'pool/dispatcher.ts',
    from: 'const delivery = this.#deliveryOf(payment, payment.journalRef, payment.trace);',
    to: 'const delivery = this.#deliveryOf(payment, payment.journalRef, payment.trace);\n      this.#parts.source.release(payment.journalRef);',
  },
  {
    name: 'release a journal record that is pushed a second time',
    file: 'pool/dispatcher.ts',
    from: 'if (known?.journalRef !== payment.journalRef) this',
    to: 'this',
  },
  {
    name: 'do not retry settlements that the ledger could not take',
    file: 'pool/dispatcher.ts',
    from: 'if (this.#settlements.length > 0) this.wake();',
    to: '',
  },
  {
    name: 'do not wake after a lost lease has made room',
    file: 'pool/dispatcher.ts',
    from: 'if (this.#deliveries.size < countBefore) this.wake();',
    to: '',
  },
  {
    name: 'fail on a settlement reply after the lease was lost',
    file: 'pool/delivery.ts',
    from: "case 'timer':\n    case 'settled':\n    case 'dropped':",
    to: "case 'timer':\n    case 'dropped':",
  },
  {
    name: 'send probes beyond the call limit',
    file: 'pool/dispatcher.ts',
    from: 'this.#calls.isFull(processor) ||',
    to: '',
  },
  {
    name: 'treat a timeout as refused',
    file: 'processor/answer.ts',
    from: "if (response.status === 0) return { kind: 'unknown', reason: responseReason(response) };",
    to: "if (response.status === 0) return { kind: 'refused', reason: responseReason(response) } as never;",
  },
  {
    name: 'treat 500 as refused without a look-up',
    file: 'processor/contracts/rinha.ts',
    from: "return { kind: 'failed', reason };",
    to: "return { kind: 'refused', reason };",
  },
  {
    name: 'treat a truncated answer as 404',
    file: 'processor/answer.ts',
    from: 'return withRest(\n    response,\n    nowMs,\n    read(response, nowMs, (answer) => contract.readFind(answer, correlationId)),\n  );',
    to: "return response.status === 0 ? { kind: 'absent' } : read(response, nowMs, (answer) => contract.readFind(answer, correlationId));",
  },
  {
    name: 'claim on while the answer to a take-over is lost',
    file: 'ledger/takeover.ts',
    from: 'for (let attempt = 1; !lease.stopped; attempt++) {',
    to: 'for (let attempt = 1; attempt === 1; attempt++) {',
  },
  {
    name: 'route a turn before a running takeover has ended',
    file: 'pool/dispatcher.ts',
    from: 'await this.#exclusively(() => this.#commit(this.#route()));',
    to: 'const claims = this.#route();\n      await this.#exclusively(() => this.#commit(claims));',
  },
  {
    name: 'treat journaled payments as accepted under a stronger durability',
    file: 'journal/recovery.ts',
    from: 'if (journalAccepts) idempotencyCache',
    to: 'idempotencyCache',
  },
  {
    name: 'treat a reserved payment as claimed',
    file: 'pool/dispatcher.ts',
    from: 'else this.#queue.pushFront(delivery);',
    to: 'else {\n        delivery.move({ state: { ...delivery.state, isClaimed: true }, effects: [] });\n        this.#queue.pushFront(delivery);\n      }',
  },
  {
    name: 'forget a repetition when the original is refused',
    file: 'http/payment-acceptor.ts',
    from: 'pending.repeats && this.#isConflict(pending)',
    to: 'false',
  },
  {
    name: 'keep an owner number after a lost reservation reply',
    file: 'http/payment-acceptor.ts',
    from: 'void lease.abandon(owner);',
    to: '',
  },
  {
    name: 'never take over from the dead',
    file: 'pool/dispatcher.ts',
    from: 'this.#adopt(entries);\n    return entries.length;',
    to: 'return entries.length;',
  },
  {
    name: 'trust an expired lease',
    file: 'ledger/lease.ts',
    from: 'return this.#parts.clock.monotonicMs() < this.#goodUntilMs;',
    to: 'return this.#goodUntilMs > 0;',
  },
  {
    name: 'count a settlement twice if its commit is repeated',
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
    name: 'do not record a conflicting amount',
    file: 'ledger/memory/ledger.ts',
    from: 'entry.conflictingAmountCents ??= claim.amountCents;',
    to: '',
  },
  {
    name: 'accept another amount at the same instance',
    file: 'shared-memory/idempotency-cache.ts',
    from: "if (!equal) return 'conflict';",
    to: '',
  },
  {
    name: 'answer 202 before the journal write',
    file: 'http/payment-acceptor.ts',
    from: 'journalRef < 0 ? NO_SEGMENT : journal.write()',
    to: "(queueMicrotask(() => journal.write()), { kind: 'ok' as const })",
  },
  {
    name: 'answer 202 before the sync',
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
    name: 'remove a journal file before its records are done',
    file: 'shared-memory/segment-table.ts',
    from: 'if (bits !== expected) return false;',
    to: '',
  },
  {
    name: 'measure the age of a payment by the wall clock',
    file: 'pool/dispatcher.ts',
    from: 'const ageMs = clock.monotonicMs() - delivery.acceptedAtMonotonicMs;',
    to: 'const ageMs = Math.max(0, clock.nowMs() - delivery.payment.acceptedAtMs);',
  },
  {
    name: 'judge the leases of others by the wall clock',
    file: 'ledger/takeover.ts',
    from: 'return leaseUntilMs === 0 || nowMs - sinceMs >= leaseMs;',
    to: 'return leaseUntilMs < clock.nowMs() || sinceMs > nowMs;',
  },
  {
    name: 'take over from an owner that renews',
    file: 'ledger/takeover.ts',
    from: 'last?.leaseUntilMs === leaseUntilMs ? last.sinceMs : nowMs',
    to: 'last?.sinceMs ?? nowMs',
  },
  {
    name: 'make a health call while another may be running',
    file: 'pool/health.ts',
    from: 'this.#probeLater(processor, healthIntervalMs + healthTimeoutMs);',
    to: 'this.#probeLater(processor, TRY_AGAIN_MS);',
  },
  {
    name: 'let only a payment close a breaker',
    file: 'pool/circuit-breakers.ts',
    from: "if (state === 'half-open' && isUntried) {",
    to: 'if (false) {',
  },
  {
    name: 'make a health call out of turn',
    file: 'pool/health.ts',
    from: '!reply.value.isTaken || isLate',
    to: 'isLate',
  },
  {
    name: 'make a health call in an expired turn',
    file: 'pool/health.ts',
    from: '!reply.value.isTaken || isLate',
    to: '!reply.value.isTaken',
  },
];
