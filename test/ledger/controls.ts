import * as assert from 'uvu/assert';
import type { Shard } from '../../src/ledger/ledger.ts';
import { NO_CONTROLS, type ProcessorControls } from '../../src/ledger/processor-controls.ts';
import { claimOf, must, T0_MS } from './samples.ts';

interface Desk {
  connect(...processorNames: string[]): Promise<Shard>;
}

type Check = (title: string, run: (ledger: Shard, desk: Desk) => Promise<void>) => void;

const FOREVER_MS = T0_MS + 86_400_000;

/** The tests of what a ledger promises about the controls of processors, and about what is open there. */
export function registerControls(check: Check): void {
  check('controls are there for every connection, and a purge leaves them', async (ledger, { connect }) => {
    assert.equal(await must(ledger.processorControls()), NO_CONTROLS);
    assert.is(await must(ledger.setProcessorControls(controlsOf(1, 'ção "quoted"'))), true);
    await must(ledger.purge(T0_MS));
    const other = await connect('another');
    assert.equal(await must(other.processorControls()), controlsOf(1, 'ção "quoted"'));
  });

  check('controls are replaced only by a later version', async (ledger, { connect }) => {
    const other = await connect();
    assert.is(await must(ledger.setProcessorControls(controlsOf(1, 'first'))), true);
    assert.is(await must(other.setProcessorControls(controlsOf(1, 'at the same time'))), false);
    assert.equal(await must(other.processorControls()), controlsOf(1, 'first'));
    assert.is(await must(other.setProcessorControls(controlsOf(10, 'later'))), true);
    assert.is(await must(ledger.setProcessorControls(controlsOf(2, 'too late'))), false);
    assert.is(await must(ledger.setProcessorControls(controlsOf(9, 'too late'))), false);
    assert.equal(await must(ledger.processorControls()), controlsOf(10, 'later'));
  });

  check('open payments are counted where they may have been sent', async (ledger, { connect }) => {
    const owner = await must(ledger.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, FOREVER_MS));
    const claims = [
      { ...claimOf(1), processor: 0 },
      { ...claimOf(2), processor: 1 },
      { ...claimOf(3), processor: 1 },
      { ...claimOf(4), processor: 1 },
      { ...claimOf(5), processor: null },
    ];
    await must(ledger.commit(owner, [], claims));
    const counts = async (of: Shard) =>
      (await must(of.openPayments())).toSorted((one, another) => (one.name < another.name ? -1 : 1));
    const expected = [
      { name: 'default', count: 1 },
      { name: 'fallback', count: 3 },
    ];
    assert.equal(await counts(ledger), expected);
    assert.equal(
      await counts(await connect('another')),
      expected,
      'processors that a connection does not know',
    );
    const settled = { ...claimOf(2), status: 'settled', processor: 1, reason: '' } as const;
    const rejected = { ...claimOf(3), status: 'rejected', processor: 1, reason: 'no' } as const;
    await must(ledger.commit(owner, [settled, rejected], [{ ...claimOf(4), processor: 0 }]));
    assert.equal(await counts(ledger), [{ name: 'default', count: 2 }]);
  });
}

function controlsOf(version: number, reason: string): ProcessorControls {
  const limits = { callLimit: 8, callsPerSecond: 50, minAmountCents: 50, maxAmountCents: 2 ** 53 - 1 };
  const control = { isPaused: true, fee: null, limits, changedAtMs: T0_MS, by: 'ops', why: reason };
  return { version, processors: { default: control } };
}
