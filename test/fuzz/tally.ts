import type { Charge } from '../system/processor-admin.ts';
import type { FuzzPayment } from './payment.ts';

/**
 * What is known of a payment from the answer to its request.
 *
 * | fate     | known by                                        | in the books |
 * |----------|-------------------------------------------------|--------------|
 * | accepted | 202                                             | once         |
 * | refused  | another answer, or it was never sent whole      | never        |
 * | open     | no answer: the connection ended after it was sent | once or never |
 */
export type Fate = 'accepted' | 'refused' | 'open';

interface Record {
  fate: Fate;
  /** Other amounts were posted under its id, and the gateway may have taken one first. */
  readonly amountsCents: number[];
}

/** Every payment that the fuzzer has sent, to be compared with the books. */
export class Tally {
  readonly #records = new Map<string, Record>();

  /** An id that was accepted once stays so, whatever becomes of its repetitions. */
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

  /** What is wrong with the books, which hold these charges; empty: nothing. */
  faults(charges: readonly Charge[]): string[] {
    const faults: string[] = [];
    const charged = new Set<string>();
    for (const { correlationId, amountCents } of charges) {
      const record = this.#records.get(correlationId);
      if (charged.has(correlationId)) faults.push(`${correlationId} was charged twice`);
      charged.add(correlationId);
      if (record === undefined) faults.push(`${correlationId} was charged, and no payment`);
      else if (record.fate === 'refused') faults.push(`${correlationId} was charged, and refused`);
      else if (!record.amountsCents.includes(amountCents))
        faults.push(
          `${correlationId} was charged ${amountCents} cents, not ${record.amountsCents.join(' or ')}`,
        );
    }
    for (const [correlationId, { fate }] of this.#records) {
      if (fate === 'accepted' && !charged.has(correlationId))
        faults.push(`${correlationId} was accepted, and never charged`);
    }
    return faults;
  }
}
