import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../sim/random.ts';
import { CONTEST } from './processors.ts';
import { run } from './run.ts';

/** The short form of `dinossauro chaos --ledger cluster --instances 4 --rate 1000`. */
test('four gateways on a cluster keep the promises about payments while masters die', async () => {
  const said: string[] = [];
  const tally = await run({
    ledger: 'cluster',
    random: new Random(1),
    durationMs: 1,
    roundMs: 5000,
    settings: {},
    processors: CONTEST,
    instanceCount: 4,
    ratePerS: 200,
    only: ['kill master'],
    say: (line) => void said.push(line),
  });
  // Other tests run beside this one, and a health call may come seconds late to a processor that gets no CPU.
  const breaches = tally.breaches.filter(({ promise }) => promise !== 'health');
  assert.equal(breaches, [], said.join('\n'));
  assert.is(tally.payments, 1500);
  assert.ok((tally.faults.get('kill master') ?? 0) > 0);
});

test.run();
