import type { Clock } from '../../core/clock.ts';
import { errorReason } from '../../core/reason.ts';
import { addressOf, type RedisPlace, withAddress, withoutAccount } from '../../core/redis-url.ts';
import type { RedisDriver } from './connection.ts';
import { hasCode, listOf } from './replies.ts';

export interface LocatorParts {
  readonly place: RedisPlace;
  /** The slot of the books, in a cluster. */
  readonly slot: number;
  /** Returns a driver that is not connected yet. */
  readonly newDriver: (url: string) => RedisDriver;
  readonly clock: Clock;
  /** How long a search takes at most. */
  readonly timeoutMs: number;
}

interface Answer {
  readonly host: string;
  readonly port: number;
}

/** One that does not answer must leave time for others. */
const SHARE_OF_ONE = 4;

/**
 * Finds the server that holds the books. Sentinels and nodes are asked in turns, and a search ends with the first that knows. The
 * next search goes on behind that one, because it may be cut off from the others and know no better.
 */
export class Locator {
  readonly #parts: LocatorParts;
  /** The nodes that the last answer named, without those of the settings. */
  #learned: readonly string[] = [];
  #asked = 0;

  constructor(parts: LocatorParts) {
    this.#parts = parts;
  }

  /** The URL of the server. Throws if none of those that are asked knows it. */
  async find(): Promise<string> {
    const { place, clock, timeoutMs } = this.#parts;
    if (place.kind === 'server') return place.url;
    const known = [...new Set([...place.nodes, ...this.#learned])];
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let reason = '';
    for (let count = 0; count < known.length && clock.monotonicMs() < deadlineMs; count++) {
      const url = known[this.#asked++ % known.length] as string;
      try {
        const { host, port } = await (place.kind === 'sentinel'
          ? this.#master(url, place.master)
          : this.#ownerOf(url));
        return withAddress(url, host, port);
      } catch (error) {
        reason = `${addressOf(url)}: ${errorReason(error)}`;
      }
    }
    const asked = place.kind === 'sentinel' ? 'sentinel' : 'node of the cluster';
    throw new Error(`no ${asked} says where the ledger is (${reason})`);
  }

  /** What a sentinel says. The account is that of the master: a sentinel gets it only if it wants one. */
  async #master(url: string, master: string): Promise<Answer> {
    const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master];
    let reply: unknown;
    try {
      reply = await this.#ask(withoutAccount(url), command);
    } catch (error) {
      if (!hasCode(error, 'NOAUTH')) throw error;
      reply = await this.#ask(url, command);
    }
    if (reply === null) throw new Error(`it knows no master ${master}`);
    const [host, port] = listOf(reply).map(String);
    return { host: String(host), port: Number(port) };
  }

  /** What a node says about the slot. A node that does not know its own address leaves the host out. */
  async #ownerOf(url: string): Promise<Answer> {
    const command = ['CLUSTER', 'SLOTS'];
    const ranges = listOf(await this.#ask(url, command)).map(listOf);
    const addressOfNode = (node: unknown): Answer => {
      const [host, port] = listOf(node);
      return {
        host: String(host ?? '') || new URL(url).hostname.replace(/^\[|\]$/g, ''),
        port: Number(port),
      };
    };
    this.#learned = ranges.flatMap(([, , ...nodes]) =>
      nodes.map(addressOfNode).map(({ host, port }) => withAddress(url, host, port)),
    );
    const { slot } = this.#parts;
    const range = ranges.find(([low, high]) => Number(low) <= slot && slot <= Number(high));
    if (range === undefined) throw new Error(`it knows no owner of slot ${slot}`);
    return addressOfNode(range[2]);
  }

  async #ask(url: string, command: readonly string[]): Promise<unknown> {
    const { newDriver, clock, timeoutMs } = this.#parts;
    const driver = newDriver(url);
    driver.on('error', () => {});
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      const waitMs = Math.ceil(timeoutMs / SHARE_OF_ONE);
      cancel = clock.after(waitMs, () => reject(new Error(`no answer within ${waitMs} ms`)));
    });
    try {
      return await Promise.race([driver.connect().then(() => driver.sendCommand(command)), late]);
    } finally {
      cancel();
      driver.destroy();
    }
  }
}
