import type { Charge } from '../system/processor-admin.ts';
import type { FuzzPayment } from './payment.ts';

/**
 * The fate of a payment according to the answer to its request.
 *
 * | fate     | how it is known                                 | charged      |
 * |----------|-------------------------------------------------|--------------|
 * | accepted | 202                                             | once         |
 * | refused  | another answer, or it was never sent completely | never        |
 * | open     | no answer: the connection ended after sending it  | once or never |
 */
export type Fate = 'accepted' | 'refused' | 'open';

interface Record {
  fate: Fate;
  /** The amounts posted under its id; the gateway may have accepted any of them first. */
  readonly amountsCents: number[];
}

/** Every payment that the fuzzer has sent, for comparison with the charges. */
export class Tally {
  readonly #records = new Map<string, Record>();

  /** An accepted id stays accepted, whatever happens to its repetitions. */
  note({ correlationId, amountCents }: FuzzPayment, fate: Fate): void {
    const record = this.#records.get(correlationId);
    if (record === undefined) {
      this.#records.set(correlationId, { fate, amountsCents: [amountCents] });
      return;
    }
    if (!record.amountsCents.includes(amountCents)) record.amountsCents.push(amountCents);
    if (record.fate === 'accepted' || fate === 'refused') return;
    record.fate = fate;
  }

  count(fate: Fate): number {
    return Array.from(this.#records.values()).filter((record) => record.fate === fate).length;
  }

  /** What is wrong with these charges; empty if nothing is. */
  faults(charges: readonly Charge[]): string[] {
    const faults: string[] = [];
    const charged = new Set<string>();
    for (const { correlationId, amountCents } of charges) {
      const record = this.#records.get(correlationId);
      if (charged.has(correlationId)) faults.push(`${correlationId} was charged twice`);
      charged.add(correlationId);
      if (record === undefined) faults.push(`${correlationId} was charged but never sent`);
      else if (record.fate === 'refused') faults.push(`${correlationId} was charged but refused`);
      else if (!record.amountsCents.includes(amountCents))
        faults.push(
          `${correlationId} was charged ${amountCents} cents, not ${record.amountsCents.join(' or ')}`,
        );
    }
    for (const [correlationId, { fate }] of this.#records) {
      if (fate === 'accepted' && !charged.has(correlationId))
        faults.push(`${correlationId} was accepted but never charged`);
    }
    return faults;
  }
}
