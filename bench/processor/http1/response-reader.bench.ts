import assert from 'node:assert';
import { Bench } from 'tinybench';
import { ResponseReader, type ResponseSink } from '../../../src/processor/http1/response-reader.ts';

/** The cost of reading one response of a processor: with a length, chunked, and split into two reads. */
const smoke = process.env['BENCH_SMOKE'] === '1';
const RESPONSES = 1000;
const LIMITS = { headBytes: 16_384, bodyBytes: 65_536 };
const BODY = '{"message":"payment processed successfully"}';
const HEAD = [
  'HTTP/1.1 200 OK',
  'Content-Type: application/json; charset=utf-8',
  'Date: Tue, 15 Jul 2025 12:34:56 GMT',
  'Server: Kestrel',
].join('\r\n');
const FIXED = Buffer.from(`${HEAD}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`);
const CHUNK = `${BODY.length.toString(16)}\r\n${BODY}\r\n`;
const CHUNKED = Buffer.from(`${HEAD}\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNK}0\r\n\r\n`);

const reader = new ResponseReader(LIMITS);
let bodyBytes = 0;
const sink: ResponseSink = {
  status: 0,
  retryAfter: '',
  headers: null,
  append: (bytes) => {
    bodyBytes += bytes.length;
  },
};

/** Reads that many responses, each first up to `cut` and then the rest. */
function readAll(bytes: Buffer, cut: number): void {
  bodyBytes = 0;
  for (let number = 0; number < RESPONSES; number++) {
    reader.begin(sink);
    reader.read(bytes, 0, cut);
    reader.read(bytes, cut, bytes.length);
  }
  assert(reader.done && bodyBytes === RESPONSES * BODY.length);
}

const bench = new Bench({ time: smoke ? 5 : 2000, warmupTime: smoke ? 5 : 500 });
bench.add('with its length', () => readAll(FIXED, FIXED.length));
bench.add('with its length, cut in a header', () => readAll(FIXED, HEAD.length + 5));
bench.add('in chunks', () => readAll(CHUNKED, CHUNKED.length));
await bench.run();
console.table(
  bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    const nsOf = (ms: number) => Math.round((ms * 1e6) / RESPONSES);
    return { response: name, 'p50 ns': nsOf(result.latency.p50), 'p99 ns': nsOf(result.latency.p99) };
  }),
);
