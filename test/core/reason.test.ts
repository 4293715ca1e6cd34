import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { errorReason } from '../../src/core/reason.ts';

for (const [what, error, reason] of [
  ['its message', new Error('read ECONNRESET'), 'read ECONNRESET'],
  ['its code if it has no message', Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [
    'its OpenSSL reason if there is one',
    Object.assign(new Error('80:error:0A000418:SSL routines\n'), {
      library: 'SSL routines',
      reason: 'tlsv1 alert unknown ca',
    }),
    'tlsv1 alert unknown ca',
  ],
  ['the first line of its message', new Error('no such library\nRequire stack'), 'no such library'],
  ['its text if it is not an Error', 'moo', 'moo'],
] as const) {
  test(`the reason of an error is ${what}`, () => assert.is(errorReason(error), reason));
}

test.run();
