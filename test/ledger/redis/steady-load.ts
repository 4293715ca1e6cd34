import * as assert from 'uvu/assert';
import type { RedisLedger } from '../../../src/ledger/redis/ledger.ts';
import { claimOf, id, settlementOf, sumsOf, T0_MS } from '../samples.ts';
import { persist } from './waiting.ts';

/** Workers that claim and settle one payment after another, each over a connection of its own, until they are told to stop. */
export class SteadyLoad {
  /** Numbers of payments whose settlement was confirmed. */
  readonly confirmed: number[] = [];
  readonly #ledgers: RedisLedger[] = [];
  readonly #working: Promise<unknown>;
  #next = 0;
  #isOver = false;

  /** `look` gets the ledger of a worker after each of its payments. */
  constructor(
    workerCount: number,
    open: () => Promise<RedisLedger>,
    look: (ledger: RedisLedger) => Promise<void> = async () => {},
  ) {
    const work = async (name: string) => {
      const ledger = await open();
      this.#ledgers.push(ledger);
      const owner = await persist(() => ledger.acquireLease({ instanceId: name, name: 'pool-0' }, T0_MS));
      while (!this.#isOver) {
        const number = this.#next++;
        const { claimed } = await persist(() => ledger.commit(owner, [], [claimOf(number)]));
        const { settled } = await persist(() => ledger.commit(owner, [settlementOf(number)], []));
        assert.equal([claimed, settled], [['claimed'], ['recorded']], `payment ${number}`);
        this.confirmed.push(number);
        await look(ledger);
      }
    };
    this.#working = Promise.all(Array.from({ length: workerCount }, (_, index) => work(`gateway-${index}`)));
  }

  /** Rejects if a worker was answered wrongly. */
  get working(): Promise<unknown> {
    return this.#working;
  }

  /** Ends the work, and looks at each payment: all that was confirmed is settled, and counted once. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#working;
    const [ledger] = this.#ledgers as [RedisLedger];
    for (const number of this.confirmed)
      assert.is((await persist(() => ledger.find(id(number))))?.status, 'settled');
    assert.is((await sumsOf(ledger))[0]?.count, this.confirmed.length);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    for (const ledger of this.#ledgers) await ledger.close();
  }
}
