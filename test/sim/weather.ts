import type { Trouble } from './plan.ts';

type Of<K extends Trouble['kind']> = Extract<Trouble, { readonly kind: K }>;

/** The faults in effect now. */
export class Weather {
  readonly #active = new Set<Trouble>();

  begin(trouble: Trouble): void {
    this.#active.add(trouble);
  }

  end(trouble: Trouble): void {
    this.#active.delete(trouble);
  }

  ledger(instance: number): Of<'ledger'>['how'] | 'well' {
    for (const trouble of this.#active) {
      if (trouble.kind === 'ledger' && (trouble.instance ?? instance) === instance) return trouble.how;
    }
    return 'well';
  }

  link(instance: number, processor: number): Of<'link'>['how'] | 'well' {
    for (const trouble of this.#active) {
      if (trouble.kind !== 'link' || trouble.processor !== processor) continue;
      if ((trouble.instance ?? instance) === instance) return trouble.how;
    }
    return 'well';
  }

  disk(instance: number): Of<'disk'>['how'] | 'well' {
    for (const trouble of this.#active) {
      if (trouble.kind === 'disk' && trouble.instance === instance) return trouble.how;
    }
    return 'well';
  }
}
