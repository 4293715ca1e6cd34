import { type Ledger, unavailable } from '../../src/ledger/ledger.ts';

type Call = keyof Ledger;

/** How a ledger behaves towards one of its users. */
export class Mood {
  /** Calls that are answered `unavailable`, and not done. */
  readonly away = new Set<Call>();
  /** Calls that are done, and answered `unavailable`. */
  readonly forgetful = new Set<Call>();
  /** Every call, in order. */
  readonly calls: Call[] = [];
  #slow: Promise<void> | null = null;
  #slowCall: Call | null = null;

  /** From now on calls wait, or only those of one kind; what this returns lets them, and those to come, go on. */
  slow(call: Call | null = null): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#slow = promise;
    this.#slowCall = call;
    return () => {
      this.#slow = null;
      resolve();
    };
  }

  slowness(call: Call): Promise<void> | null {
    return this.#slowCall === null || this.#slowCall === call ? this.#slow : null;
  }

  count(call: Call): number {
    return this.calls.filter((name) => name === call).length;
  }
}

/** The same ledger, seen by somebody for whom it is in a mood. */
export function moody(ledger: Ledger, mood: Mood): Ledger {
  return new Proxy(ledger, {
    get:
      (target, name: Call) =>
      async (...parameters: unknown[]) => {
        mood.calls.push(name);
        const slowness = mood.slowness(name);
        if (slowness !== null) await slowness;
        if (mood.away.has(name)) return unavailable('away');
        const method = target[name] as (...parameters: unknown[]) => Promise<unknown>;
        const reply = await method.apply(target, parameters);
        return mood.forgetful.has(name) ? unavailable('no answer') : reply;
      },
  });
}
