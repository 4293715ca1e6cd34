import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addProcessor,
  changeProcessor,
  drainProcessor,
  listProcessors,
  type ShownProcessor,
} from '../../src/operate/processors.ts';
import { print, withGateway } from './scripted-gateway.ts';

const LIMITS = { callsAtOnce: 400, callsPerSecond: null, minAmount: 0.01, maxAmount: null };
const SHOWN: ShownProcessor = {
  name: 'default',
  paused: true,
  removed: false,
  added: false,
  changedAt: '2025-07-15T12:34:56.000Z',
  by: 'ana',
  why: 'maintenance',
  contract: 'rinha',
  fee: { share: 0.05, fixed: 0 },
  configuredFee: { share: 0.05, fixed: 0 },
  limits: LIMITS,
  configuredLimits: LIMITS,
  open: 3,
};
const OTHER: ShownProcessor = {
  ...SHOWN,
  name: 'bank',
  paused: false,
  changedAt: null,
  contract: 'rest',
  fee: { share: 0.0075, fixed: 0.3 },
  configuredFee: { share: 0, fixed: 0.3 },
  limits: { callsAtOnce: 20, callsPerSecond: 5, minAmount: 0.5, maxAmount: 1000 },
  open: 0,
};

const LISTING = {
  version: 2,
  credentialsReadAt: '2025-07-15T12:00:00.000Z',
  processors: [SHOWN, OTHER],
};
const PAUSE = { name: 'default', change: { paused: true, by: 'ana', why: 'maintenance' } };

test('lists the processors in a table', async () => {
  const { code, asked, out } = await withGateway([[200, LISTING]], (url) =>
    listProcessors({ url, token: 'secret', json: false }, print),
  );
  assert.is(code, 0);
  assert.equal(asked, [{ line: 'GET /processors', authorization: 'Bearer secret', body: '' }]);
  assert.equal(out.join('\n').split('\n'), [
    'NAME     STATE   OPEN  FEE                  LIMITS                                                 CONTRACT  LAST CHANGE',
    'default  paused  3     5%                   400 at once                                            rinha     since 2025-07-15T12:34:56.000Z by ana: maintenance',
    'bank     in use  0     0.75% + 0.30 (0.30)  20 at once, 5 a second, 0.50 to 1000.00 (400 at once)  rest',
    '',
    'Credentials last read: 2025-07-15T12:00:00.000Z',
  ]);
});

test('pauses one, and says since when it is', async () => {
  const { code, asked, out } = await withGateway([[200, SHOWN]], (url) =>
    changeProcessor({ url, token: '', json: false, ...PAUSE }, print),
  );
  assert.is(code, 0);
  assert.equal(asked, [
    { line: 'PATCH /processors/default', authorization: undefined, body: JSON.stringify(PAUSE.change) },
  ]);
  assert.equal(out, [
    'default is paused and costs 5% (limits: 400 at once), since 2025-07-15T12:34:56.000Z by ana: maintenance',
  ]);
});

test('changes limits, and says if this gateway cannot keep one', async () => {
  const limits = { ...LIMITS, callsAtOnce: 237, minAmount: 0.5 };
  const changed = { ...SHOWN, paused: false, limits, by: '', why: '' };
  for (const [asked, why] of [
    [237, null],
    [800, 'its open-file limit (ulimit -n) allows no more'],
    [1, 'each of its pool threads has one call at least'],
  ] as const) {
    const change = { limits: { callsAtOnce: asked }, by: '', why: '' };
    const { code, out } = await withGateway([[200, changed]], (url) =>
      changeProcessor({ url, token: '', json: false, name: 'default', change }, print),
    );
    assert.is(code, 0);
    assert.equal(out, [
      'default is in use and costs 5% (limits: 237 at once, from 0.50), since 2025-07-15T12:34:56.000Z',
      ...(why === null ? [] : [`This gateway makes 237 of ${asked} calls at once: ${why}`]),
    ]);
  }
});

test('drains one: waits until nothing is open there', async () => {
  const listing = (open: number) => [200, { version: 2, processors: [{ ...SHOWN, open }] }] as const;
  const { code, out } = await withGateway([[200, SHOWN], listing(3), listing(0)], (url) =>
    drainProcessor({ url, token: '', json: false, timeoutMs: 60_000, lookEveryMs: 1, ...PAUSE }, print),
  );
  assert.is(code, 0);
  assert.equal(out.slice(1), [
    '3 payments are open at default',
    'default is drained: no payment is open there',
  ]);
});

test('a drain ends when its time is up, or when somebody resumes the processor', async () => {
  const open = [200, { version: 2, processors: [SHOWN] }] as const;
  const late = await withGateway([[200, SHOWN], open], (url) =>
    drainProcessor({ url, token: '', json: false, timeoutMs: 1, lookEveryMs: 1, ...PAUSE }, print),
  );
  assert.is(late.code, 1);
  assert.equal(late.err, ['dinossauro: 3 payments are still open at default; it stays paused']);
  const resumed = [200, { version: 3, processors: [{ ...SHOWN, paused: false }] }] as const;
  const given = await withGateway([[200, SHOWN], resumed], (url) =>
    drainProcessor({ url, token: '', json: false, timeoutMs: 60_000, lookEveryMs: 1, ...PAUSE }, print),
  );
  assert.is(given.code, 1);
  assert.equal(given.err, ['dinossauro: default gets payments again, because somebody has changed that']);
});

test('adds a processor, and removes it until nothing is open there', async () => {
  const processor = { name: 'bank', url: 'http://bank', contract: 'rest', fee: { share: 0.01 } };
  const untouched = { ...OTHER, added: true, changedAt: null };
  const added = await withGateway([[201, untouched]], (url) =>
    addProcessor({ url, token: '', json: false, processor }, print),
  );
  assert.is(added.code, 0);
  assert.equal(added.asked, [
    { line: 'POST /processors', authorization: undefined, body: JSON.stringify(processor) },
  ]);
  assert.match(added.out[0] ?? '', /^bank is in use and costs 0\.75% \+ 0\.30 /);
  const removed = { ...OTHER, removed: true, open: 2 };
  const order = { name: 'bank', change: { removed: true, why: '', by: 'ana' } };
  const listings = [removed, { ...removed, open: 0 }].map(
    (shown) => [200, { version: 3, processors: [shown] }] as const,
  );
  const drained = await withGateway([[200, removed], ...listings], (url) =>
    drainProcessor({ url, token: '', json: false, timeoutMs: 60_000, lookEveryMs: 1, ...order }, print),
  );
  assert.is(drained.code, 0);
  assert.match(drained.out[0] ?? '', /^bank is removed and costs/);
  assert.equal(drained.out.slice(1), [
    '2 payments are open at bank',
    'bank is drained: no payment is open there',
  ]);
});

test('a refusal is one line', async () => {
  let at = '';
  const problem = { type: '/errors#no-such-processor', detail: 'No.' };
  const { code, err } = await withGateway([[404, problem]], (url) => {
    at = url;
    return changeProcessor({ url, token: '', json: false, ...PAUSE }, print);
  });
  assert.is(code, 1);
  assert.equal(err, [`dinossauro: ${at} answered 404: No.`]);
});

test.run();
