import * as assert from 'uvu/assert';
import type { Settlement, Shard } from '../../src/ledger/ledger.ts';
import { acquire, claimOf, FOREVER_MS, id, must, settlementOf } from './samples.ts';

interface Desk {
  connect(...processorNames: string[]): Promise<Shard>;
}

type Check = (title: string, run: (ledger: Shard, desk: Desk) => Promise<void>) => void;

/** The tests of what a ledger promises about processors that it learns of while it is open. */
export function registerAddedProcessors(check: Check): void {
  check('a processor that is added is claimed, settled and counted like the others', async (ledger) => {
    const owner = await acquire(ledger);
    await add(ledger, 'third');
    const claim = { ...claimOf(1), processor: 2 };
    assert.equal((await must(ledger.commit(owner, [], [claim]))).claimed, ['claimed']);
    const entry = await must(ledger.find(id(1)));
    assert.equal([entry?.processor, entry?.processorName], [2, 'third']);
    assert.equal(await must(ledger.stranded(FOREVER_MS)), []);
    assert.equal((await must(ledger.commit(owner, [settledAt(2)], []))).settled, ['recorded']);
    const totals = await must(ledger.summary(-Infinity, Infinity));
    assert.equal(
      totals.map(({ name, count }) => [name, count]),
      [
        ['default', 0],
        ['fallback', 0],
        ['third', 1],
      ],
    );
    assert.equal(await must(ledger.takeHealthTurn(2, 0)), { turn: 1, isTaken: true });
  });

  check('a name has one number, whenever a connection learns of it', async (ledger, { connect }) => {
    const other = await connect('third', 'default');
    await add(ledger, 'third');
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [{ ...claimOf(1), processor: 2 }]));
    assert.is((await must(other.find(id(1))))?.processor, 0);
    await must(ledger.commit(owner, [settledAt(2)], []));
    const totals = await must(other.summary(-Infinity, Infinity));
    assert.equal(totals[0], { name: 'third', count: 1, amountCents: 1990 });
  });

  check(
    'what is open at a processor is taken over only by those that know it',
    async (ledger, { connect }) => {
      const before = await acquire(ledger);
      await add(ledger, 'third');
      await must(ledger.commit(before, [], [{ ...claimOf(1), processor: 2 }]));
      const other = await connect();
      const after = await acquire(other);
      assert.equal(await must(other.takeOver(before, after, 10)), []);
      assert.equal(await must(other.stranded(FOREVER_MS)), [{ name: 'third', count: 1 }]);
      assert.is((await must(other.find(id(1))))?.processor, null);
      await must(other.registerProcessor('third'));
      assert.equal(await must(other.takeOver(before, after, 10)), [], 'a number in the books is not enough');
      other.addProcessor('third');
      assert.equal(await must(other.stranded(FOREVER_MS)), []);
      const taken = await must(other.takeOver(before, after, 10));
      assert.equal(
        taken.map(({ correlationId, processor }) => [correlationId, processor]),
        [[id(1), 2]],
      );
    },
  );

  check('registering a processor twice gives it no second number', async (ledger, { connect }) => {
    await must(ledger.registerProcessor('third'));
    await add(ledger, 'third');
    const other = await connect();
    await add(other, 'fourth');
    await add(other, 'third');
    const owner = await acquire(ledger);
    await must(ledger.commit(owner, [], [{ ...claimOf(1), processor: 2 }]));
    assert.is((await must(other.find(id(1))))?.processor, 3);
    assert.is((await must(other.find(id(1))))?.processorName, 'third');
  });
}

async function add(ledger: Shard, name: string): Promise<void> {
  await must(ledger.registerProcessor(name));
  ledger.addProcessor(name);
}

function settledAt(processor: number): Settlement {
  return settlementOf(1, { processor });
}
