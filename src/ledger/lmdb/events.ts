import type { Clock } from '../../core/clock.ts';
import { type HealthReport, type LedgerEvent, ok, type Reply, type Turn } from '../ledger.ts';
import type { LmdbProcessors } from './processors.ts';
import {
  doubleBytes,
  healthBytes,
  healthKey,
  healthTurnKey,
  PURGE_KEY,
  REVISION_KEY,
  readHealth,
} from './records.ts';
import type { LmdbStore } from './store.ts';

const DEFAULT_POLL_MS = 250;

export interface LmdbEventsParts {
  readonly store: LmdbStore;
  readonly processors: LmdbProcessors;
  readonly clock: Clock;
  /** How often a subscription looks for events. */
  readonly pollMs?: number | undefined;
}

/** What the instances of an LMDB ledger tell each other: health, turns to ask for it, and purges. */
export class LmdbEvents {
  readonly #parts: LmdbEventsParts;
  readonly #unsubscribes = new Set<() => void>();

  constructor(parts: LmdbEventsParts) {
    this.#parts = parts;
  }

  takeHealthTurn(processor: number, lastTurn: number): Promise<Reply<Turn>> {
    return this.takeTurn(healthTurnKey(this.#parts.processors.numberOf(processor)), lastTurn);
  }

  /** Takes a turn that is counted under this key. */
  takeTurn(key: Buffer, lastTurn: number): Promise<Reply<Turn>> {
    const { store } = this.#parts;
    return store.write(() => {
      const turn = store.records.get(key)?.readDoubleBE(0) ?? 0;
      if (turn > lastTurn) return { turn, isTaken: false };
      store.records.putSync(key, doubleBytes(lastTurn + 1));
      return { turn: lastTurn + 1, isTaken: true };
    });
  }

  publishHealth(report: HealthReport): Promise<Reply<void>> {
    const { store, processors } = this.#parts;
    const number = processors.numberOf(report.processor);
    return store.write(() => {
      store.records.putSync(healthKey(number), healthBytes({ ...report, revision: this.#nextRevision() }));
    });
  }

  /** LMDB cannot notify, so a subscription polls the revision every `pollMs`, and reads more only if it changed. */
  async subscribe(listener: (event: LedgerEvent) => void): Promise<Reply<() => void>> {
    const { clock, pollMs = DEFAULT_POLL_MS } = this.#parts;
    let heard = 0;
    let cancel = () => {};
    const look = async () => {
      const reply = await this.#parts.store.read(() => this.#eventsAfter(heard));
      if (!this.#unsubscribes.has(unsubscribe)) return reply;
      cancel = clock.after(pollMs, () => void look());
      if (reply.kind === 'unavailable') return reply;
      heard = reply.value.revision;
      for (const event of reply.value.events) listener(event);
      return reply;
    };
    const unsubscribe = () => {
      this.#unsubscribes.delete(unsubscribe);
      cancel();
    };
    this.#unsubscribes.add(unsubscribe);
    const first = await look();
    if (first.kind === 'ok') return ok(unsubscribe);
    unsubscribe();
    return first;
  }

  /** Records a purge, within a transaction of the caller. */
  recordPurge(purgedAtMs: number): void {
    const latestMs = Math.max(purgedAtMs, this.purgedAtMs);
    this.#parts.store.records.putSync(PURGE_KEY, doubleBytes(this.#nextRevision(), latestMs));
  }

  /** When the books were last purged; 0 if never. */
  get purgedAtMs(): number {
    return this.#purge()?.purgedAtMs ?? 0;
  }

  unsubscribeAll(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  #eventsAfter(heard: number): { readonly revision: number; readonly events: readonly LedgerEvent[] } {
    const { store, processors } = this.#parts;
    const latest = this.#revision();
    const events: LedgerEvent[] = [];
    if (latest === heard) return { revision: latest, events };
    for (const [processor, number] of processors.numbers.entries()) {
      const bytes = store.records.get(healthKey(number));
      if (bytes === undefined) continue;
      const { revision, ...health } = readHealth(bytes);
      if (revision > heard) events.push({ kind: 'health', report: { processor, ...health } });
    }
    const purge = this.#purge();
    if (purge !== undefined && purge.revision > heard) {
      events.push({ kind: 'purged', purgedAtMs: purge.purgedAtMs });
    }
    return { revision: latest, events };
  }

  #purge(): { readonly revision: number; readonly purgedAtMs: number } | undefined {
    const bytes = this.#parts.store.records.get(PURGE_KEY);
    return bytes && { revision: bytes.readDoubleBE(0), purgedAtMs: bytes.readDoubleBE(8) };
  }

  #revision(): number {
    return this.#parts.store.records.get(REVISION_KEY)?.readDoubleBE(0) ?? 0;
  }

  #nextRevision(): number {
    const revision = this.#revision() + 1;
    this.#parts.store.records.putSync(REVISION_KEY, doubleBytes(revision));
    return revision;
  }
}
