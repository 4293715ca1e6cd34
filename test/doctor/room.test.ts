import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { roomFinding } from '../../src/doctor/room.ts';

const DAY_MS = 86_400_000;

test('says how many payments fit, and at which rate that is enough for the retention', () => {
  assert.equal(roomFinding(40 * 2 ** 20, 60, 90 * DAY_MS), {
    check: 'room',
    level: 'ok',
    seen: 'some 700,000 more payments fit: 8.1 days of one a second; RETENTION fits up to 0.09 payments/s',
    remedy: '',
  });
  assert.match(
    roomFinding(8e9, 60, Infinity).seen,
    /^some 130,000,000 more payments fit: 1,500 days of one a second$/,
  );
  assert.match(roomFinding(-1, 60, Infinity).seen, /^some 0 more payments fit/);
});

test.run();
