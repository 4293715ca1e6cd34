import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/core/clock.ts';
import { OtlpExporter, type OtlpExporterParts } from '../../src/tracing/otlp.ts';
import type { SpanRecord } from '../../src/tracing/tracer.ts';
import { KeptLog } from '../kept-log.ts';
import { freePort } from '../system/port.ts';
import { until } from '../system/until.ts';
import { attributesOf, TestCollector } from './collector.ts';

const WITHIN_MS = 20_000;

const RECORD: SpanRecord = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: '',
  name: 'POST /payments',
  kind: 'server',
  startUs: 1_752_577_200_000_123,
  endUs: 1_752_577_200_000_456,
  attributes: { 'http.route': '/payments', 'http.response.status_code': 202 },
  error: '',
};

const opened: { close(): Promise<void> }[] = [];

test.after.each(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

function openExporter(parts: Partial<OtlpExporterParts> & Pick<OtlpExporterParts, 'otlpUrl'>) {
  const log = new KeptLog();
  const exporter = new OtlpExporter({
    queueSpans: 2048,
    intervalMs: 10,
    timeoutMs: 5000,
    instanceId: 'gateway-1',
    clock: systemClock,
    log,
    ...parts,
  });
  opened.push(exporter);
  return { exporter, log };
}

async function setUp(parts: Partial<OtlpExporterParts> = {}) {
  const collector = await TestCollector.start();
  opened.push(collector);
  return { collector, ...openExporter({ otlpUrl: collector.url, ...parts }) };
}

const taken = (collector: TestCollector, count: number) =>
  until(`${count} spans have arrived`, WITHIN_MS, () => collector.spans.length === count);

test('spans are batched and sent as OTLP in JSON', async () => {
  const { collector, exporter, log } = await setUp();
  exporter.take(RECORD);
  exporter.take({
    ...RECORD,
    spanId: '1234567890abcdef',
    parentSpanId: RECORD.spanId,
    kind: 'client',
    error: 'HTTP 500',
  });
  await taken(collector, 2);
  assert.equal(collector.requests, [
    {
      path: '/v1/traces',
      authorization: '',
      spanCount: 2,
      resource: { 'service.name': 'dinossauro', 'service.instance.id': 'gateway-1' },
    },
  ]);
  const [first, second] = collector.spans;
  assert.equal(first, {
    traceId: RECORD.traceId,
    spanId: RECORD.spanId,
    name: RECORD.name,
    kind: 2,
    startTimeUnixNano: '1752577200000123000',
    endTimeUnixNano: '1752577200000456000',
    attributes: first?.attributes,
    status: {},
  });
  assert.equal(attributesOf(first?.attributes ?? []), {
    'http.route': '/payments',
    'http.response.status_code': '202',
  });
  assert.is(second?.parentSpanId, RECORD.spanId);
  assert.is(second?.kind, 3);
  assert.equal(second?.status, { code: 2, message: 'HTTP 500' });
  await exporter.close();
  assert.equal(log.lines, []);
});

test('the URL may have credentials and a path', async () => {
  const { collector } = await setUp();
  const url = `${collector.url.replace('//', '//user:p%40ss@')}/otlp`;
  openExporter({ otlpUrl: url }).exporter.take(RECORD);
  await taken(collector, 1);
  assert.is(collector.requests[0]?.path, '/otlp/v1/traces');
  assert.is(collector.requests[0]?.authorization, `Basic ${Buffer.from('user:p@ss').toString('base64')}`);
});

test('a full batch is sent without waiting for the interval, and no batch is larger', async () => {
  const { collector, exporter } = await setUp({ intervalMs: 60_000 });
  for (let number = 0; number < 1100; number++) exporter.take(RECORD);
  await taken(collector, 1100);
  assert.equal(
    collector.requests.map(({ spanCount }) => spanCount),
    [512, 512, 76],
  );
});

test('after a retryable failure the batch is sent again, and the outage is logged once', async () => {
  const { collector, exporter, log } = await setUp();
  collector.answers.push(
    (response) => response.writeHead(503).end(),
    (response) => response.destroy(),
    (response) => response.writeHead(429).end('slow down'),
  );
  exporter.take(RECORD);
  await taken(collector, 1);
  assert.is(collector.requests.length, 4);
  await until('the recovery is logged', WITHIN_MS, () => log.lines.length === 2);
  assert.equal(log.lines, ['warn spans cannot be exported', 'info spans are exported again']);
});

test('a rejected batch is dropped, and the next one is sent', async () => {
  const { collector, exporter, log } = await setUp();
  collector.answers.push((response) => response.writeHead(400).end('moo'));
  exporter.take(RECORD);
  await until('the rejection is logged', WITHIN_MS, () => log.lines.length === 1);
  exporter.take({ ...RECORD, name: 'after' });
  await taken(collector, 1);
  assert.is(collector.spans[0]?.name, 'after');
});

test('a request without an answer is given up after the timeout', async () => {
  const { collector, exporter, log } = await setUp({ timeoutMs: 20 });
  collector.answers.push(() => {});
  exporter.take(RECORD);
  await taken(collector, 1);
  await until('the recovery is logged', WITHIN_MS, () => log.lines.length === 2);
});

test('the queue is bounded: spans that do not fit are dropped', async () => {
  const otlpUrl = `http://127.0.0.1:${await freePort()}`;
  const { exporter, log } = openExporter({ otlpUrl, queueSpans: 64, intervalMs: 60_000 });
  for (let number = 0; number < 100; number++) exporter.take(RECORD);
  assert.equal(log.lines, ['warn spans cannot be exported']);
});

test('closing sends the remaining spans', async () => {
  const { collector, exporter } = await setUp({ intervalMs: 60_000 });
  exporter.take(RECORD);
  await exporter.close();
  assert.is(collector.spans.length, 1);
});

test('closing does not wait for a collector that never answers', async () => {
  const { collector, exporter } = await setUp({ timeoutMs: 60_000 });
  collector.answers.push(() => {});
  exporter.take(RECORD);
  await until('a request has arrived', WITHIN_MS, () => collector.requests.length === 1);
  exporter.take(RECORD);
  await exporter.close();
  await wait(0);
  assert.equal(collector.spans, []);
});

test.run();
