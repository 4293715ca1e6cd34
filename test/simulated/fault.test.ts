import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Fault, Faults, readFault } from '../../src/simulated/fault.ts';

function fault(body: Record<string, unknown>): Fault {
  const read = readFault(body);
  if (read === null || read === 'none') throw new Error('no fault');
  return read;
}

test('reads a fault, with defaults', () => {
  assert.equal(readFault({ kind: 'garbage' }), {
    kind: 'garbage',
    rate: 1,
    count: null,
    delayMs: 0,
    retryAfterS: 1,
  });
  assert.equal(readFault({ kind: 'hang' }), {
    kind: 'hang',
    rate: 1,
    count: null,
    delayMs: 10_000,
    retryAfterS: 1,
  });
  assert.equal(readFault({ kind: '503', rate: 0.5, count: 3, delayMs: 7 }), {
    kind: '503',
    rate: 0.5,
    count: 3,
    delayMs: 7,
    retryAfterS: 1,
  });
  assert.is(readFault({ kind: 'none' }), 'none');
});

test('refuses invalid faults', () => {
  const wrong = [
    {},
    { kind: 'toString' },
    { kind: 429 },
    { kind: '429', rate: 1.1 },
    { kind: '429', rate: -0.1 },
    { kind: '429', rate: '1' },
    { kind: '429', count: 1.5 },
    { kind: '429', count: -1 },
    { kind: '429', delayMs: null },
    { kind: '429', delayMs: 2 ** 31 },
  ];
  for (const body of wrong) assert.is(readFault(body), null, JSON.stringify(body));
});

test('strikes as often as configured', () => {
  const faults = new Faults(Math.random);
  assert.is(faults.draw(), null);
  faults.set(fault({ kind: '400', count: 2 }));
  assert.is(faults.draw()?.kind, '400');
  assert.is(faults.draw()?.kind, '400');
  assert.is(faults.draw(), null);
  assert.equal(faults.list(), []);
});

test('strikes at its rate, otherwise the next kind may', () => {
  const numbers = [0.2, 0.3, 0.9];
  const faults = new Faults(() => numbers.shift() ?? 0);
  faults.set(fault({ kind: '400', rate: 0.3 }));
  faults.set(fault({ kind: '429' }));
  assert.equal([faults.draw()?.kind, faults.draw()?.kind, faults.draw()?.kind], ['400', '429', '429']);
  faults.set(fault({ kind: '429', count: 0 }));
  assert.equal(
    faults.list().map(({ kind }) => kind),
    ['400'],
  );
  faults.clear();
  assert.is(faults.draw(), null);
});

test.run();
