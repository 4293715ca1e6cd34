import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OutageLog } from '../../src/core/outage-log.ts';
import { KeptLog } from '../kept-log.ts';

test('each outage is logged once when it begins and once when it ends', () => {
  const log = new KeptLog();
  const outage = new OutageLog({ log, began: 'away', ended: 'back' });
  outage.recovered();
  assert.equal(log.lines, []);
  outage.failed('a');
  outage.failed('b');
  outage.recovered();
  outage.recovered();
  outage.failed('c');
  assert.equal(log.lines, ['warn away', 'info back', 'warn away']);
});

test('it logs the reason at the beginning, and the number of failures at the end', () => {
  const said: object[] = [];
  const keep = (fields: object) => said.push(fields);
  const log = { debug: keep, info: keep, warn: keep, error: keep };
  const outage = new OutageLog({ log, fields: { worker: 'pool-0' }, began: 'away', ended: 'back' });
  outage.failed('first');
  outage.failed('second');
  outage.recovered({ droppedCount: 3 });
  assert.equal(said, [
    { worker: 'pool-0', reason: 'first' },
    { worker: 'pool-0', droppedCount: 3, times: 2 },
  ]);
});

test.run();
