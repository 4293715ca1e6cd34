import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withCredentialsOf } from '../../src/config/credentials.ts';
import type { ProcessorTarget } from '../../src/config/processor-target.ts';
import { processorTarget } from '../processor-target.ts';

const CALLS_MAX = 500;
const BANK = processorTarget({ name: 'bank', url: 'https://a:b@bank.example/api', tls: { ca: 'x' } });
const CARD = processorTarget({ name: 'card', callLimit: CALLS_MAX });

function contractOf(change: Partial<ProcessorTarget['contract']>): ProcessorTarget['contract'] {
  return { name: 'rinha', options: {}, authorization: '', ...change };
}

test('takes over credentials of each kind', () => {
  const bank = {
    ...BANK,
    url: 'https://a:c@bank.example/api',
    tls: { ca: 'y', cert: 'z' },
    contract: contractOf({ authorization: 'Basic YTpj' }),
    adminToken: 'token',
  };
  assert.equal(withCredentialsOf([BANK, CARD], [bank, CARD], CALLS_MAX), {
    kind: 'ok',
    processors: [bank, CARD],
  });
});

test('a limit of calls that file descriptors had lowered at the start does not differ', () => {
  const read = [BANK, { ...CARD, callLimit: 1000 }];
  assert.equal(withCredentialsOf([BANK, CARD], read, CALLS_MAX), { kind: 'ok', processors: [BANK, CARD] });
});

const REST = 'only credentials change without a restart. Undo the change, or restart this gateway';
for (const [what, change] of [
  ['`url`', { url: 'https://a:b@bank.example/v2' }],
  ['`contract`', { contract: contractOf({ name: 'rest' }) }],
  ['`options`', { contract: contractOf({ options: { a: 1 } }) }],
  ['`fee`', { feePpm: 1 }],
  ['`fee`', { feeFixedCents: 1 }],
  ['`limits`', { callLimit: 499 }],
  ['`limits`', { callsPerSecond: 1 }],
  ['`limits`', { minAmountCents: 2 }],
  ['`limits`', { maxAmountCents: 2 }],
  ['`timeouts`', { timeoutMs: 1 }],
  ['`timeouts`', { healthTimeoutMs: 1 }],
  ['`inDoubtHoldMs`', { inDoubtHoldMs: 1 }],
  ['`breaker`', { breaker: { ...BANK.breaker, failures: 9 } }],
] as const) {
  test(`refuses another ${what}, with the credentials beside it: ${Object.keys(change)}`, () => {
    const read = [{ ...BANK, ...change, adminToken: 'new' }, CARD];
    assert.equal(withCredentialsOf([BANK, CARD], read, CALLS_MAX), {
      kind: 'refused',
      problem: `${what} of bank differs from what this gateway started with: ${REST}`,
    });
  });
}

test('refuses other processors, and another order', () => {
  for (const read of [[BANK], [CARD, BANK], [BANK, CARD, { ...CARD, name: 'more' }]])
    assert.equal(withCredentialsOf([BANK, CARD], read, CALLS_MAX), {
      kind: 'refused',
      problem: `the processors are ${read.map(({ name }) => name).join(', ')} now, and were bank, card when this gateway started: ${REST}`,
    });
});

test.run();
