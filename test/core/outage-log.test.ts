import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Trouble } from '../../src/core/outage-log.ts';
import { KeptLog } from '../kept-log.ts';

test('trouble is told once when it begins and once when it is over, each time anew', () => {
  const log = new KeptLog();
  const trouble = new Trouble({ log, began: 'away', over: 'back' });
  trouble.passed();
  assert.equal(log.lines, []);
  trouble.happened('a');
  trouble.happened('b');
  trouble.passed();
  trouble.passed();
  trouble.happened('c');
  assert.equal(log.lines, ['warn away', 'info back', 'warn away']);
});

test('it says why it began, and how often it happened', () => {
  const said: object[] = [];
  const keep = (fields: object) => said.push(fields);
  const log = { debug: keep, info: keep, warn: keep, error: keep };
  const trouble = new Trouble({ log, fields: { seat: 'pool-0' }, began: 'away', over: 'back' });
  trouble.happened('first');
  trouble.happened('second');
  trouble.passed();
  assert.equal(said, [
    { seat: 'pool-0', reason: 'first' },
    { seat: 'pool-0', times: 2 },
  ]);
});

test.run();
