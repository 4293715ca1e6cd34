import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveShipped } from '../../src/certify/opponent.ts';
import { certified, keepsEveryPromise, reportOn } from './certified.ts';

const CARELESS = fileURLToPath(new URL('careless-contract.ts', import.meta.url));

const CAIMAN = fileURLToPath(new URL('../../examples/contract/caiman.ts', import.meta.url));

/** `command.nightly.test.ts` runs the shipped contracts. */
test('the example: every promise holds, or the contract states the proof that was untrue', () =>
  keepsEveryPromise({ contract: CAIMAN, options: { merchant: 'moo' } }));

test('rinha: a charge after an error that it takes as final is what it cannot keep', async () => {
  const report = await reportOn({ only: 'failed-charged: 500, charged after the timeout' });
  const [proof] = report.untrueProofs;
  assert.is(proof?.seen, 'HTTP 500, then HTTP 404 to the look-up');
  assert.is(proof?.proof, '500, then 404 to the look-up');
  assert.ok(proof?.broke.includes('nothing charged twice'));
  assert.ok(report.ok);
  assert.is(report.promises.find(({ promise }) => promise === 'nothing charged twice')?.promised, 1);
});

test('a contract that concludes what it does not state is not certified', async () => {
  const { ok, text } = await certified({ contract: CARELESS, only: 'gave-up: 502', json: false });
  assert.is(ok, false);
  assert.match(text, /Contract careless against the simulated processor that it exports: 1 situations/);
  assert.match(text, /HTTP 502: the contract concludes "not committed", but it was charged/);
  assert.match(text, /the contract does not state this proof/);
  assert.match(text, /nothing charged twice: both processors charged it/);
});

test('a processor of the configuration', async () => {
  const twin = await serveShipped('rinha');
  const environment = { PROCESSORS: `sandbox:0.05:${twin.url}` };
  const { ok, text, doneCount } = await certified(
    { processor: 'sandbox', only: 'interim: 100', pace: 1 },
    environment,
  );
  await twin.close();
  assert.is(ok, true);
  assert.match(text, /"against": "processor sandbox at 127\.0\.0\.1:\d+, with real payments"/);
  assert.is(doneCount, JSON.parse(text).situations.length);
});

test('what cannot be run is said in one line', async () => {
  const none = await certified({ contract: 'nope' });
  assert.is(none.ok, null);
  assert.match(none.complaints[0] ?? '', /^there is no contract nope: expected rinha/);
  const lost = await certified({ contract: './no/such/file.ts' });
  assert.match(lost.complaints[0] ?? '', /cannot be loaded/);
  const unknown = await certified({ processor: 'visa' }, { PROCESSORS: 'a:0.05:http://127.0.0.1:1' });
  assert.match(
    unknown.complaints[0] ?? '',
    /there is no processor visa in the configuration, which has: a\./,
  );
  const nothing = await certified({ only: 'no such thing' });
  assert.match(nothing.complaints[0] ?? '', /no situation contains/);
});

test.run();
