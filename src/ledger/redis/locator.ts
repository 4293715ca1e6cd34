import { type Clock, LATE, within } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import { addressOf, type RedisPlace, withAddress, withoutAccount } from '../../core/redis-url.ts';
import type { RedisDriver } from './connection.ts';
import { hasCode, listOf } from './replies.ts';

export interface LocatorParts {
  readonly place: RedisPlace;
  /** Returns a driver that is not connected yet. */
  readonly newDriver: (url: string) => RedisDriver;
  readonly clock: Clock;
  /** How long a search takes at most. */
  readonly timeoutMs: number;
}

/** The URL of the server that has a slot; undefined: none has it. Without a cluster one server has all of them. */
type Owners = (slot: number) => string | undefined;

/** One that does not answer must leave time for others. */
const SHARE_OF_ONE = 3;

/**
 * Finds the server that holds the books. Sentinels and nodes are asked in turns, and a search ends with the first that knows. The
 * next search goes on behind that one, because it may be cut off from the others and know no better. Shards that search at the
 * same time share a search.
 */
export class Locator {
  readonly #parts: LocatorParts;
  /** The nodes that the last answer named. */
  #learned: readonly string[] = [];
  #asked = 0;
  #search: Promise<Owners> | undefined;

  constructor(parts: LocatorParts) {
    this.#parts = parts;
  }

  get place(): RedisPlace {
    return this.#parts.place;
  }

  /** The URL of the server that has this slot. Throws if none of those that are asked knows it. */
  async find(slot: number): Promise<string> {
    this.#search ??= this.#newSearch().finally(() => {
      this.#search = undefined;
    });
    const url = (await this.#search)(slot);
    if (url === undefined) throw new Error(`slot ${slot} has no owner in the cluster`);
    return url;
  }

  async #newSearch(): Promise<Owners> {
    const { place, clock, timeoutMs } = this.#parts;
    if (place.kind === 'server') return () => place.url;
    const known = [...new Set([...place.nodes, ...this.#learned])];
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let reason = '';
    for (let count = 0; count < known.length && clock.monotonicMs() < deadlineMs; count++) {
      const url = known[this.#asked++ % known.length] as string;
      try {
        return await (place.kind === 'sentinel' ? this.#master(url, place.master) : this.#owners(url));
      } catch (error) {
        reason = `${addressOf(url)}: ${errorReason(error)}`;
      }
    }
    const asked = place.kind === 'sentinel' ? 'sentinel' : 'node of the cluster';
    throw new Error(`no ${asked} says where the ledger is (${reason})`);
  }

  /** What a sentinel says. The account is that of the master: a sentinel gets it only if it wants one. */
  async #master(url: string, master: string): Promise<Owners> {
    const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master];
    let reply: unknown;
    try {
      reply = await this.#ask(withoutAccount(url), command);
    } catch (error) {
      if (!hasCode(error, 'NOAUTH')) throw error;
      reply = await this.#ask(url, command);
    }
    if (reply === null) throw new Error(`it knows no master ${master}`);
    const [host = '', port] = listOf(reply).map(String);
    const found = withAddress(url, host, Number(port));
    return () => found;
  }

  /** What a node says. One that does not know its own address leaves the host out. */
  async #owners(url: string): Promise<Owners> {
    const command = ['CLUSTER', 'SLOTS'];
    const own = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const ranges = listOf(await this.#ask(url, command)).map((range) => {
      const [low, high, ...nodes] = listOf(range);
      const urls = nodes
        .map(listOf)
        .map(([host, port]) => withAddress(url, String(host ?? '') || own, Number(port)));
      return { low: Number(low), high: Number(high), urls };
    });
    this.#learned = ranges.flatMap(({ urls }) => urls);
    return (slot) => ranges.find(({ low, high }) => low <= slot && slot <= high)?.urls[0];
  }

  async #ask(url: string, command: readonly string[]): Promise<unknown> {
    const { newDriver, clock, timeoutMs } = this.#parts;
    const driver = newDriver(url);
    driver.on('error', () => {});
    const waitMs = Math.ceil(timeoutMs / SHARE_OF_ONE);
    try {
      const asked = driver.connect().then(() => driver.sendCommand(command));
      const answer = await within(clock, waitMs, asked);
      if (answer === LATE) throw new Error(`no answer within ${waitMs} ms`);
      return answer;
    } finally {
      driver.destroy();
    }
  }
}
