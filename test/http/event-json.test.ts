import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseInCents } from '../../client/src/cents.ts';
import { eventJson } from '../../src/http/event-json.ts';
import type { ProcessorEvent } from '../../src/ledger/outbox.ts';
import {
  changed,
  changeEvents,
  NO_CONTROLS,
  type ProcessorChange,
} from '../../src/ledger/processor-controls.ts';
import { contract } from '../contract/kept.ts';

const PLACE = { shard: 0, position: { atMs: Date.UTC(2025, 6, 15), number: 1 }, cursor: '' };
const SAID = { by: 'ana', why: 'a "new" contract' };

/** What clients read of an event. */
function read(event: ProcessorEvent): { readonly type: string; readonly data: object } {
  const text = eventJson({ ...event, ...PLACE });
  assert.is(contract.mismatch(['components', 'schemas', 'GatewayEvent'], JSON.parse(text)), null);
  return parseInCents(text) as { type: string; data: object };
}

test('what an operator changes about a processor becomes an event for each kind of change', () => {
  let controls = NO_CONTROLS;
  const change = (asked: Omit<ProcessorChange, 'by' | 'why'>) => {
    const before = controls;
    controls = changed(controls, 'default', { ...asked, ...SAID }, 0) ?? controls;
    return changeEvents(before, controls, 'default')
      .map(read)
      .map(({ type, data }) => [type, data]);
  };
  const said = { processor: 'default', by: 'ana', why: 'a "new" contract' };
  const limits = { callLimit: 20, minAmountCents: 50, maxAmountCents: 100_001 };
  const shown = { callsAtOnce: 20, minAmountCents: 50, maxAmountCents: 100_001 };
  assert.equal(change({ isPaused: true, fee: { feePpm: 15_000, feeFixedCents: 35 }, limits }), [
    ['processor.paused', said],
    ['processor.fee-changed', { ...said, fee: { share: 0.015, fixed: 0.35 } }],
    ['processor.limits-changed', { ...said, limits: shown }],
  ]);
  assert.equal(change({ limits: { callsPerSecond: 5, callLimit: null } }), [
    [
      'processor.limits-changed',
      { ...said, limits: { callsPerSecond: 5, minAmountCents: 50, maxAmountCents: 100_001 } },
    ],
  ]);
  assert.equal(change({ limits: { callLimit: null } }), [], 'it is as configured already');
  assert.equal(change({ isRemoved: true }), [['processor.removed', said]]);
  assert.equal(change({ isRemoved: true }), [], 'it is removed already');
  assert.equal(change({ isRemoved: false }), [['processor.added', said]]);
  assert.equal(change({ isPaused: false, fee: null, limits: null }), [
    ['processor.resumed', said],
    ['processor.fee-changed', { ...said, fee: null }],
    ['processor.limits-changed', { ...said, limits: {} }],
  ]);
});

test.run();
