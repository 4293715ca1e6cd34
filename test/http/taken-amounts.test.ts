import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PaymentDecoder } from '../../src/http/decoder.ts';
import { TakenAmounts } from '../../src/http/taken-amounts.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { processorTarget } from '../processor-target.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const SHAPE = { processorCount: 2, threadCount: 1 };
const MAX_CENTS = 100_000;

/** Amounts up to 10.00, and from 20.00 to 30.00. */
function setUp() {
  const sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  const processors = [
    processorTarget({ maxAmountCents: 1000 }),
    processorTarget({ minAmountCents: 2000, maxAmountCents: 3000 }),
  ];
  const taken = new TakenAmounts({ processors, maxAmountCents: MAX_CENTS }, sharedState);
  const decoder = new PaymentDecoder(MAX_CENTS, taken);
  return {
    /** The first processor takes these amounts now. */
    change(minAmountCents: number, maxAmountCents: number) {
      const terms = processorTarget({ minAmountCents, maxAmountCents });
      sharedState.setControls([{ use: 'in-use', terms }, { use: 'in-use' }]);
    },
    post: (cents: number) => {
      const body = Buffer.from(`{"correlationId":"${ID}","amount":${(cents / 100).toFixed(2)}}`);
      const decodeProblem = decoder.decode(body);
      return decodeProblem === null ? 'ok' : [decodeProblem, decoder.detailOf(decodeProblem, body)?.detail];
    },
  };
}

test('until it is known what operators have decided, no amount is refused for good', () => {
  const { change, post } = setUp();
  assert.is(post(1000), 'ok');
  assert.equal(post(1500), [
    'ledger-unavailable',
    'This gateway has just started, and has not read from its ledger yet which amounts processors take. Post the payment again.',
  ]);
  change(1, 1500);
  assert.is(post(1500), 'ok');
  assert.equal(post(1501), [
    'amount-not-taken',
    'No processor takes this amount: `amount` must be from 0.01 to 15.00 or from 20.00 to 30.00.',
  ]);
});

test('a limit that rises lets more amounts in, and one that falls refuses none that was accepted before', () => {
  const { change, post } = setUp();
  change(1, 1999);
  assert.is(post(1999), 'ok');
  change(500, 600);
  for (const cents of [1, 499, 601, 1000, 1999, 3000]) assert.is(post(cents), 'ok', String(cents));
  assert.equal(post(3001), [
    'amount-not-taken',
    'No processor takes this amount: `amount` must be from 0.01 to 30.00.',
  ]);
});

test.run();
