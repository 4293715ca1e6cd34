import { Bench } from 'tinybench';
import { parseWindow } from '../../src/core/time-window.ts';
import { PaymentDecoder } from '../../src/http/decoder.ts';

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';
const BODIES = {
  'fast path, compact': `{"correlationId":"${ID}","amount":19.9}`,
  'fast path, spaced': `{"correlationId": "${ID}", "amount": 19.90}`,
  'fast path, amount first': `{"amount":19.9,"correlationId":"${ID}"}`,
  'full path, indented': `{\n  "correlationId": "${ID}",\n  "amount": 19.9\n}`,
  'full path, exponent': `{"correlationId":"${ID}","amount":1.99e1}`,
  'full path, escapes, extra member': `{"\\u0063orrelationId":"${ID}","amount":19.9,"note":{"a":[1,2]}}`,
};
const BAD_BODIES = {
  malformed: `{"correlationId":"${ID}","amount":19.9`,
  'amount is a string': `{"correlationId":"${ID}","amount":"19.9"}`,
};
const smoke = process.env['BENCH_SMOKE'] === '1';
/** Calls per sample, because one call is too short to measure. */
const CALLS = smoke ? 10 : 1000;

const bench = new Bench({
  time: smoke ? 10 : 1000,
  warmupTime: smoke ? 5 : 250,
});
const decoder = new PaymentDecoder(Number.MAX_SAFE_INTEGER, {
  isKnown: true,
  ranges: [{ minCents: 1, maxCents: Number.MAX_SAFE_INTEGER }],
});
let cents = 0;

/** Runs all bodies first, so that each case is measured on code compiled for a mixed load. */
for (const text of [...Object.values(BODIES), ...Object.values(BAD_BODIES)]) {
  for (let call = 0; call < CALLS; call++) decoder.decode(Buffer.from(text));
}

for (const [name, text] of Object.entries({ ...BODIES, ...BAD_BODIES })) {
  const body = Buffer.from(text);
  bench.add(name, () => {
    for (let call = 0; call < CALLS; call++) {
      decoder.decode(body);
      cents += decoder.amountCents;
    }
  });
}

const compact = Buffer.from(BODIES['fast path, compact']);
bench.add('JSON.parse of the bytes, then a UUID to bytes and a float to cents', () => {
  for (let call = 0; call < CALLS; call++) {
    const { correlationId, amount } = JSON.parse(compact.toString());
    decoder.id.write(correlationId.replaceAll('-', ''), 0, 'hex');
    cents += Math.round(amount * 100);
  }
});
bench.add('JSON.parse of the bytes alone', () => {
  for (let call = 0; call < CALLS; call++) cents += JSON.parse(compact.toString()).amount;
});
bench.add('parseWindow', () => {
  for (let call = 0; call < CALLS; call++) {
    const window = parseWindow('from=2025-07-15T12:34:56.000Z&to=2025-07-15T12:34:57.000Z');
    if (window.kind === 'ok') cents += window.toMs - window.fromMs;
  }
});

await bench.run();
console.table(
  bench.tasks.map((task) => ({
    case: task.name,
    'ns/op p50': nanoseconds(task.result, 'p50'),
    'ns/op p99': nanoseconds(task.result, 'p99'),
  })),
);
if (cents === 0) throw new Error('nothing was decoded');

function nanoseconds(result: (typeof bench.tasks)[number]['result'], percentile: 'p50' | 'p99'): string {
  if (!('latency' in result)) throw new Error(`a case did not complete: ${result.state}`);
  return ((result.latency[percentile] * 1e6) / CALLS).toFixed(1);
}
