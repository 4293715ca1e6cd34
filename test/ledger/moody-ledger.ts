import { type Shard, unavailable } from '../../src/ledger/ledger.ts';

type Call = Exclude<keyof Shard, 'shards' | 'shardOf' | 'addProcessor'>;

/** How a ledger behaves towards one of its users. */
export class Mood {
  /** Calls that are answered `unavailable` and not carried out. */
  readonly away = new Set<Call>();
  /** Calls that are carried out and answered `unavailable`. */
  readonly forgetful = new Set<Call>();
  /** Every call, in order. */
  readonly calls: Call[] = [];
  #slow: Promise<void> | null = null;
  #slowCall: Call | null = null;

  /** Holds all calls from now on, or those of one kind. Returns a function that lets them continue. */
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

/** A connection to a shard that behaves as `mood` says. */
export function moody(ledger: Shard, mood: Mood): Shard {
  const call =
    (name: Call) =>
    async (...parameters: unknown[]) => {
      mood.calls.push(name);
      const slowness = mood.slowness(name);
      if (slowness !== null) await slowness;
      if (mood.away.has(name)) return unavailable('away');
      const method = ledger[name] as (...parameters: unknown[]) => Promise<unknown>;
      const reply = await method.apply(ledger, parameters);
      return mood.forgetful.has(name) ? unavailable('no answer') : reply;
    };
  const shard: Shard = new Proxy(ledger, {
    get: (_, name: keyof Shard) => {
      if (name === 'shards') return [shard];
      if (name === 'addProcessor') return (processor: string) => ledger.addProcessor(processor);
      return name === 'shardOf' ? () => 0 : call(name);
    },
  });
  return shard;
}
