import type { Fault } from './plan.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { readonly kind: K }>;

/** The faults in effect now. */
export class Weather {
  readonly #active = new Set<Fault>();

  begin(fault: Fault): void {
    this.#active.add(fault);
  }

  end(fault: Fault): void {
    this.#active.delete(fault);
  }

  ledger(instance: number, shard: number): Of<'ledger'>['how'] | 'well' {
    for (const fault of this.#active) {
      if (fault.kind !== 'ledger' || (fault.shard ?? shard) !== shard) continue;
      if ((fault.instance ?? instance) === instance) return fault.how;
    }
    return 'well';
  }

  link(instance: number, processor: number): Of<'link'>['how'] | 'well' {
    for (const fault of this.#active) {
      if (fault.kind !== 'link' || fault.processor !== processor) continue;
      if ((fault.instance ?? instance) === instance) return fault.how;
    }
    return 'well';
  }

  disk(instance: number): Of<'disk'>['how'] | 'well' {
    for (const fault of this.#active) {
      if (fault.kind === 'disk' && fault.instance === instance) return fault.how;
    }
    return 'well';
  }
}
