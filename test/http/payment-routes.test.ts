import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UUID_BYTES, writeUuid } from '../../src/core/uuid.ts';
import { Access } from '../../src/http/access.ts';
import { PaymentDecoder } from '../../src/http/decoder.ts';
import { Keyring } from '../../src/http/keyring.ts';
import { PaymentAcceptor } from '../../src/http/payment-acceptor.ts';
import { servePaymentList } from '../../src/http/payment-list.ts';
import { PaymentRoutes } from '../../src/http/payment-routes.ts';
import { refusalIndex } from '../../src/http/refusal.ts';
import { createApp } from '../../src/http/uws.ts';
import { diskFiles, Journal } from '../../src/journal/writer.ts';
import type { Claim, Settlement } from '../../src/ledger/ledger.ts';
import { MemoryLedger } from '../../src/ledger/memory/ledger.ts';
import { MemoryStore } from '../../src/ledger/memory/store.ts';
import { IdempotencyCache } from '../../src/shared-memory/idempotency-cache.ts';
import { MetricsTable } from '../../src/shared-memory/metrics-table.ts';
import { Ring, RingSlot } from '../../src/shared-memory/ring.ts';
import { SegmentTable } from '../../src/shared-memory/segment-table.ts';
import { SharedState } from '../../src/shared-memory/state.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';
import { assertConversationKept } from '../contract/conversation.ts';
import { ask, contract } from '../contract/kept.ts';
import { KeptLog } from '../kept-log.ts';
import { apiKey } from '../keyring.ts';
import { Mood, moody } from '../ledger/moody-ledger.ts';
import { claimOf, must, settlementOf, T0_MS } from '../ledger/samples.ts';
import { ManualClock } from '../manual-clock.ts';
import { idOf } from '../payment-id.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { converse } from './converse.ts';
import { type Served, serveHere } from './served.ts';

const NAMES = ['default', 'fallback'];
const SHAPE = { processorCount: 2, threadCount: 2 };
const BODY_LIMIT_BYTES = 256;
const RING_CAPACITY = 32;
const BATCH_LINES = 40;
const BATCH_BYTES = 8192;
const KEYS = [
  ...(['post', 'read', 'operate'] as const).map((scope) => apiKey(`key-to-${scope}`, [scope])),
  { ...apiKey('limited-key', ['post', 'operate']), limit: { perSecond: 1, burst: 1 } },
];
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3';

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly field?: string;
}

/** The HTTP side of a gateway on a free port, without a pool that takes payments from the ring. */
class World {
  readonly clock = new ManualClock();
  readonly mood = new Mood();
  readonly store = new MemoryStore();
  readonly books = new MemoryLedger(NAMES, this.store);
  readonly sharedState = new SharedState(SharedState.allocate(SHAPE), SHAPE);
  readonly metricsTable = new MetricsTable(MetricsTable.allocate(SHAPE), SHAPE);
  readonly ring = new Ring(Ring.allocate(RING_CAPACITY));
  readonly idempotencyCache = new IdempotencyCache(IdempotencyCache.allocate(64, Uint32Array.of(1, 2)));
  readonly log = new KeptLog();
  readonly #directory = temporaryDirectory();
  readonly #app = createApp();
  readonly #journal: Journal;
  #listener: Served | null = null;
  diskFull = false;
  port = 0;

  constructor(allowPurge: boolean, access: 'open' | 'token') {
    const segments = new SegmentTable(SegmentTable.allocate(2, 1024));
    this.#journal = new Journal({
      directory: this.#directory,
      writer: 'http-0',
      segments,
      durable: false,
      batchRecords: BATCH_LINES,
      randomU32: () => 1,
      files: {
        ...diskFiles,
        write: (file, bytes, length, position) => {
          if (this.diskFull) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          return diskFiles.write(file, bytes, length, position);
        },
      },
    });
    const { clock, sharedState, ring, idempotencyCache, log } = this;
    const ledger = moody(this.books, this.mood);
    const metrics = this.metricsTable.thread(1);
    this.clock.jump(Date.UTC(2025, 6, 15, 12));
    const keyring = new Keyring({ keys: KEYS, metrics, clock });
    const operators = new Access({ mode: 'token', keyring, scope: 'operate' });
    new PaymentRoutes({
      app: this.#app,
      decoder: new PaymentDecoder(1_000_000_00, {
        isKnown: true,
        ranges: [
          { minCents: 1, maxCents: 1_000_00 },
          { minCents: 2_000_00, maxCents: 1_000_000_00 },
        ],
      }),
      acceptor: new PaymentAcceptor({
        idempotencyCache,
        ring,
        journal: this.#journal,
        segments,
        ledger,
        sharedState,
        metrics,
        clock,
        durability: { kind: 'journal' },
        log,
      }),
      idempotencyCache,
      ledger,
      sharedState,
      metrics,
      poolThreadCount: 1,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      postBatch: { lineLimit: BATCH_LINES, bytes: BATCH_BYTES },
      allowPurge,
      access,
      keyring,
      operators,
      clock,
      log,
      tracer: propagationOnlyTracer,
    });
    const { metricsTable } = this;
    servePaymentList(
      { app: this.#app, ledger, instanceId: 'gateway-1', ring, metricsTable, metrics },
      '/payments',
      operators,
    );
  }

  async listen(): Promise<void> {
    this.#listener = await serveHere(this.#app);
    this.port = this.#listener.port;
  }

  async close(): Promise<void> {
    this.#listener?.close();
    this.#app.close();
    await this.#journal.close();
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return ask(`http://127.0.0.1:${this.port}${path}`, init);
  }

  post(body: string): Promise<Response> {
    return this.ask('/payments', { method: 'POST', body });
  }

  /** Empties the ring, and returns how many payments it held. */
  drained(): number {
    const slot = new RingSlot();
    let count = 0;
    while (this.ring.pop(slot)) count++;
    return count;
  }

  /** Writes the pieces one by one on one connection; resolves with everything received until it closes. */
  async converse(...pieces: readonly string[]): Promise<string> {
    const text = await converse({ port: this.port, host: '127.0.0.1' }, pieces);
    assertConversationKept(pieces.join(''), text);
    return text;
  }
}

let world: World;

function suiteOf(name: string, allowPurge = false, access: 'open' | 'token' = 'open') {
  const test = suite(name);
  test.before.each(async () => {
    world = new World(allowPurge, access);
    await world.listen();
  });
  test.after.each(() => world.close());
  return test;
}

function bodyOf(correlationId: string, amount: string): string {
  return `{"correlationId":"${correlationId}","amount":${amount}}`;
}

function rawPost(body: string, headers = ''): string {
  return `POST /payments HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const CLOSE = 'Connection: close\r\n';

function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** Asserts that the response is this problem, and returns its document. */
async function problemOf(response: Response, status: number, slug: string, field?: string): Promise<Problem> {
  const problem = (await response.json()) as Problem;
  assert.is(response.status, status, slug);
  assert.is(response.headers.get('content-type'), 'application/problem+json');
  assert.is(problem.type, `/errors#${slug}`);
  assert.is(problem.status, status);
  assert.is(problem.field, field);
  assert.ok(problem.title.length > 0);
  assert.ok(problem.detail.length > 0);
  return problem;
}

/** Claims and, if asked to, settles, as a pool thread would. */
async function record(
  number: number,
  processor: number | null,
  requestedAtMs: number,
  status: Settlement['status'] | null,
  more: Partial<Claim> = {},
): Promise<void> {
  const owner = await world.books.acquireLease({ instanceId: 'gateway-1', name: 'pool-0' }, 9e12);
  assert.ok(owner.kind === 'ok');
  const correlationId = idOf(number);
  const claim = { correlationId, amountCents: number, acceptedAtMs: Date.UTC(2025, 6, 15, 12), ...more };
  const value = owner.kind === 'ok' ? owner.value : 0;
  await world.books.commit(value, [], [{ ...claim, processor, requestedAtMs }]);
  if (status === null) return;
  const reason = status === 'rejected' ? '400 "amount"' : '';
  const outcome = status === 'settled' ? ('charged' as const) : ('rejected' as const);
  const settlement = {
    correlationId,
    processor: processor ?? 0,
    amountCents: number,
    requestedAtMs,
    outcome,
  };
  await world.books.commit(value, [{ ...settlement, status, reason }], []);
}

const posting = suiteOf('POST /payments');

posting('answers 202 without a body, and pushes the payment to the ring', async () => {
  const response = await world.post(bodyOf(ID, '19.90'));
  assert.is(response.status, 202);
  assert.is(response.headers.get('content-length'), '0');
  assert.is(await response.text(), '');
  const slot = new RingSlot();
  assert.ok(world.ring.pop(slot));
  assert.is(slot.amountCents, 1990);
  assert.is(slot.acceptedAtMs, world.clock.nowMs());
});

posting('reads any content type as JSON', async () => {
  for (const [index, type] of ['application/json', 'text/plain', 'application/xml', ''].entries()) {
    const init = { method: 'POST', body: bodyOf(idOf(index), '1'), headers: { 'content-type': type } };
    assert.is((await world.ask('/payments', init)).status, 202, type);
  }
  assert.is(world.drained(), 4);
});

posting('accepts a repetition, with the id in either case, and sends the payment once', async () => {
  assert.is((await world.post(bodyOf(ID, '19.90'))).status, 202);
  assert.is((await world.post(bodyOf(ID, '19.9'))).status, 202);
  assert.is((await world.post(bodyOf(ID.toUpperCase(), '1.99e1'))).status, 202);
  assert.is(world.drained(), 1);
});

posting('refuses another amount for the same id', async () => {
  await world.post(bodyOf(ID, '19.90'));
  await problemOf(await world.post(bodyOf(ID, '19.91')), 409, 'amount-conflict', 'amount');
  await problemOf(await world.post(bodyOf(ID.toUpperCase(), '20')), 409, 'amount-conflict', 'amount');
  assert.is(world.drained(), 1);
});

/** Has the payment accepted here and left to the ledger, as a pool thread would. */
async function leaveToLedger(number: number): Promise<void> {
  const id = Buffer.alloc(UUID_BYTES);
  writeUuid(idOf(number), id, 0);
  assert.is((await world.post(bodyOf(idOf(number), `${number / 100}`))).status, 202);
  world.idempotencyCache.leaveToLedger(id);
  world.drained();
}

posting(
  'a rejected payment that is posted again is told why, for as long as the ledger knows it',
  async () => {
    await leaveToLedger(7);
    await record(7, 0, Date.UTC(2025, 6, 15, 12), 'rejected');
    const body = bodyOf(idOf(7), '0.07');
    for (let time = 0; time < 2; time++) {
      const { detail } = await problemOf(await world.post(body), 422, 'payment-rejected');
      assert.match(detail, 'has been rejected for good: ');
      assert.match(detail, 'default: 400 "amount"');
    }
    assert.is(world.metricsTable.counted('accepted'), 1);
    assert.is(world.metricsTable.counted('repeated'), 0);
    await problemOf(await world.post(bodyOf(idOf(7), '0.08')), 409, 'amount-conflict', 'amount');
    world.mood.away.add('find');
    const refused = await world.post(body);
    assert.is(refused.headers.get('retry-after'), '1');
    await problemOf(refused, 503, 'ledger-unavailable');
    assert.is(world.drained(), 0);
  },
);

posting('a payment that another owner has or has settled is accepted again, and not pushed', async () => {
  for (const [index, status] of ([null, 'settled'] as const).entries()) {
    await leaveToLedger(index + 1);
    await record(index + 1, 0, Date.UTC(2025, 6, 15, 12), status);
    assert.is((await world.post(bodyOf(idOf(index + 1), `0.0${index + 1}`))).status, 202);
  }
  assert.is(world.metricsTable.counted('repeated'), 2);
  assert.is(world.drained(), 0);
});

posting('a payment whose id the ledger has with another amount is refused as a conflict', async () => {
  await leaveToLedger(7);
  await record(7, 0, Date.UTC(2025, 6, 15, 12), 'settled', { amountCents: 9 });
  await problemOf(await world.post(bodyOf(idOf(7), '0.07')), 409, 'amount-conflict', 'amount');
  assert.is(world.drained(), 0);
});

posting('an id that was purged elsewhere is new again', async () => {
  await leaveToLedger(7);
  await record(7, 0, Date.UTC(2025, 6, 15, 12), 'rejected');
  await world.books.purge(world.clock.nowMs());
  world.clock.pass(1);
  for (let time = 0; time < 2; time++) assert.is((await world.post(bodyOf(idOf(7), '0.07'))).status, 202);
  assert.is(world.drained(), 1);
});

posting('names the error in a body, and the field', async () => {
  const wrong: [body: string, status: number, slug: string, field?: string][] = [
    ['', 400, 'malformed-json'],
    ['{', 400, 'malformed-json'],
    ['{"correlationId":', 400, 'malformed-json'],
    [`${bodyOf(ID, '1')}x`, 400, 'malformed-json'],
    [bodyOf(ID, '01'), 400, 'malformed-json'],
    ['[]', 422, 'not-an-object'],
    ['"text"', 422, 'not-an-object'],
    ['{"amount":1}', 422, 'correlation-id-missing', 'correlationId'],
    ['{"correlationId":7,"amount":1}', 422, 'correlation-id-not-a-string', 'correlationId'],
    [bodyOf('not-a-uuid', '1'), 422, 'correlation-id-not-a-uuid', 'correlationId'],
    [`{"correlationId":"${ID}"}`, 422, 'amount-missing', 'amount'],
    [bodyOf(ID, '"1"'), 422, 'amount-not-a-number', 'amount'],
    [bodyOf(ID, 'null'), 422, 'amount-not-a-number', 'amount'],
    [bodyOf(ID, '0'), 422, 'amount-not-positive', 'amount'],
    [bodyOf(ID, '-1'), 422, 'amount-not-positive', 'amount'],
    [bodyOf(ID, '1.001'), 422, 'amount-too-precise', 'amount'],
    [bodyOf(ID, '1e9'), 422, 'amount-too-large', 'amount'],
    [`{"amount":1,"amount":2,"correlationId":"${ID}"}`, 400, 'amount-repeated', 'amount'],
    [`{"correlationId":"${ID}","correlationId":"${ID}"}`, 400, 'correlation-id-repeated', 'correlationId'],
  ];
  for (const [body, status, slug, field] of wrong)
    await problemOf(await world.post(body), status, slug, field);
  assert.is(world.drained(), 0);
});

posting('says where a body is malformed, and which limit an amount exceeds', async () => {
  const malformed = await problemOf(await world.post('{"amount":1,}'), 400, 'malformed-json');
  assert.match(malformed.detail, 'unexpected `}` at byte 12');
  const large = await problemOf(await world.post(bodyOf(ID, '1e9')), 422, 'amount-too-large', 'amount');
  assert.match(large.detail, /limit of this gateway, [\d.]+ \(MAX_AMOUNT\)/);
});

posting('names the limits of the processors to an amount that none of them takes', async () => {
  for (const amount of ['1000.01', '1999.99', '1.5e3']) {
    const { detail } = await problemOf(
      await world.post(bodyOf(ID, amount)),
      422,
      'amount-not-taken',
      'amount',
    );
    const limits = 'from 0.01 to 1000.00 or from 2000.00 to 1000000.00';
    assert.is(detail, `No processor takes this amount: \`amount\` must be ${limits}.`);
  }
  assert.is(world.drained(), 0);
  for (const [number, amount] of ['0.01', '1000.00', '2e3'].entries())
    assert.is((await world.post(bodyOf(idOf(number), amount))).status, 202);
});

posting('refuses a body over the limit, and names the limit', async () => {
  const fits = bodyOf(ID, '1').padEnd(BODY_LIMIT_BYTES, ' ');
  assert.is((await world.post(fits)).status, 202);
  const problem = await problemOf(await world.post(`${fits} `), 413, 'body-too-large');
  assert.match(problem.detail, '256 bytes');
  assert.is((await world.post('x'.repeat(100_000))).status, 413);
});

posting(
  'answers 503 with Retry-After while the queue is full, and accepts again when it is not',
  async () => {
    for (let number = 0; number < RING_CAPACITY; number++) {
      assert.is((await world.post(bodyOf(idOf(number), '1'))).status, 202);
    }
    const response = await world.post(bodyOf(ID, '1'));
    assert.is(response.headers.get('retry-after'), '1');
    await problemOf(response, 503, 'queue-full');
    assert.is(world.drained(), RING_CAPACITY);
    assert.is((await world.post(bodyOf(ID, '1'))).status, 202);
  },
);

posting('answers 503 with Retry-After while the journal cannot be written', async () => {
  world.diskFull = true;
  const response = await world.post(bodyOf(ID, '1'));
  assert.is(response.headers.get('retry-after'), '5');
  await problemOf(response, 503, 'journal-unavailable');
  assert.is(world.drained(), 0);
  world.diskFull = false;
  assert.is((await world.post(bodyOf(ID, '1'))).status, 202);
});

posting('accepts no payments while stopping, and closes the connection', async () => {
  world.sharedState.stop();
  const text = await world.converse(rawPost(bodyOf(ID, '1')));
  assert.match(text, /^HTTP\/1.1 503 .*Connection: close.*errors#stopping/s);
  assert.match(text, 'Retry-After: 5');
  assert.is(world.drained(), 0);
});

posting('does not need the ledger', async () => {
  world.mood.away.add('commit').add('find').add('ping');
  assert.is((await world.post(bodyOf(ID, '1'))).status, 202);
  assert.equal(world.mood.calls, []);
});

posting('reads a chunked body, and one that arrives byte by byte', async () => {
  const body = bodyOf(ID, '19.90');
  const head = `POST /payments HTTP/1.1\r\nHost: a\r\n${CLOSE}`;
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const chunks = [chunk(body.slice(0, 7)), chunk(body.slice(7)), '0\r\n\r\n'];
  assert.equal(
    statusesIn(await world.converse(`${head}Transfer-Encoding: chunked\r\n\r\n`, ...chunks)),
    [202],
  );
  // The request line must come in one piece: see `src/http/uws.ts`.
  const [line, rest] = rawPost(bodyOf(idOf(1), '5'), CLOSE).split(/(?<=1\.1\r\n)/) as [string, string];
  assert.equal(statusesIn(await world.converse(line, ...rest)), [202]);
  assert.is(world.drained(), 2);
});

posting('answers pipelined requests in order', async () => {
  const requests = [
    ...Array.from({ length: 10 }, (_, number) => rawPost(bodyOf(idOf(number), '1'))),
    rawPost(bodyOf(idOf(3), '2')),
    rawPost('{'),
    'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n',
    rawPost(bodyOf(ID, '1'), CLOSE),
  ];
  const statuses = statusesIn(await world.converse(requests.join('')));
  assert.equal(statuses, [...Array.from({ length: 10 }, () => 202), 409, 400, 200, 202]);
  const { metricsTable } = world;
  assert.is(metricsTable.counted('accepted'), 11);
  assert.is(metricsTable.histogram('accept').counts[0], 11, 'in no time, by a clock that stands still');
  assert.equal(
    (['amount-conflict', 'malformed-json', 'queue-full'] as const).map((slug) =>
      metricsTable.refused(refusalIndex(slug)),
    ),
    [1, 1, 0],
  );
  assert.is(world.drained(), 11);
});

posting('serves many requests on one connection', async () => {
  const requests = Array.from({ length: 20 }, (_, number) => rawPost(bodyOf(idOf(number), '1')));
  const text = await world.converse(...requests, rawPost(bodyOf(ID, '1'), CLOSE));
  assert.equal(
    statusesIn(text),
    Array.from({ length: 21 }, () => 202),
  );
});

posting('accepts nothing from a client that leaves in the middle of its body', async () => {
  const body = bodyOf(ID, '1');
  const half = rawPost(body).slice(0, -10);
  await new Promise<void>((resolve) => {
    const socket = connect(world.port, '127.0.0.1', () => socket.write(half, () => socket.destroy()));
    socket.on('close', () => resolve());
  });
  assert.is((await world.ask('/livez')).status, 200);
  assert.is(world.drained(), 0);
});

posting('keeps an accepted payment if the client leaves before the response', async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(world.port, '127.0.0.1', () =>
      socket.write(rawPost(bodyOf(ID, '1')), () => socket.resetAndDestroy()),
    );
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
  assert.is((await world.ask('/livez')).status, 200);
  const posted = world.drained();
  assert.ok(posted <= 1);
  assert.is((await world.post(bodyOf(ID, '1'))).status, 202);
  assert.is(posted + world.drained(), 1);
});

posting.run();

const summary = suiteOf('GET /payments-summary');

const ZEROS =
  '{"default":{"totalRequests":0,"totalAmount":0},"fallback":{"totalRequests":0,"totalAmount":0}}';

summary('has a member for each processor, even if it settled nothing', async () => {
  const response = await world.ask('/payments-summary');
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-type'), 'application/json');
  assert.equal(JSON.parse(await response.text()), JSON.parse(ZEROS));
});

summary('counts and sums settled payments, to the cent', async () => {
  await record(10, 0, 1000, 'settled');
  await record(25, 0, 2000, 'settled');
  await record(1_234_567_890_123, 1, 2000, 'settled');
  await record(7, 0, 2000, 'rejected');
  await record(8, 0, 2000, null);
  const text = await (await world.ask('/payments-summary')).text();
  assert.match(text, /"totalAmount":0\.35\b/);
  assert.match(text, '"totalAmount":12345678901.23');
  const { default: cheap, fallback } = JSON.parse(text);
  assert.is(cheap.totalRequests, 2);
  assert.is(fallback.totalRequests, 1);
});

summary('has a member for a former processor that settled payments', async () => {
  const old = new MemoryLedger(['old'], world.store);
  const owner = await must(old.acquireLease({ instanceId: 'gateway-0', name: 'pool-0' }, 0));
  await must(old.commit(owner, [], [claimOf(1), claimOf(2)]));
  await must(old.commit(owner, [settlementOf(1)], []));
  const all = JSON.parse(await (await world.ask('/payments-summary')).text());
  assert.equal(Object.keys(all), ['default', 'fallback', 'old']);
  assert.equal(all.old, { totalRequests: 1, totalAmount: 19.9 });
  const later = await world.ask('/payments-summary?from=2026-01-01T00:00:00Z');
  assert.equal(JSON.parse(await later.text()), JSON.parse(ZEROS));
  for (const number of [1, 2]) {
    const { processor } = (await shown(claimOf(number).correlationId)) as { processor: string };
    assert.is(processor, 'old', 'settled or open');
  }
});

summary('bounds are inclusive, exact to the millisecond and independent', async () => {
  for (const [index, ms] of ['000', '001', '002'].entries()) {
    await record(index + 1, 0, Date.parse(`2025-07-15T12:00:00.${ms}Z`), 'settled');
  }
  const count = async (query: string) => {
    const response = await world.ask(`/payments-summary${query}`);
    return JSON.parse(await response.text()).default.totalRequests;
  };
  assert.is(await count(''), 3);
  assert.is(await count('?from=2025-07-15T12:00:00.001Z'), 2);
  assert.is(await count('?to=2025-07-15T12:00:00.001Z'), 2);
  assert.is(await count('?from=2025-07-15T12:00:00.001Z&to=2025-07-15T12:00:00.001Z'), 1);
  assert.is(await count('?to=2025-07-15T12:00:00.001Z&from=2025-07-15T12:00:00.001Z'), 1);
  assert.is(await count('?from=2025-07-15T09%3A00%3A00.001-03%3A00'), 2);
  assert.is(await count('?from=&to='), 3);
});

summary('names the bound that is not a timestamp', async () => {
  for (const [query, field] of [
    ['?from=yesterday', 'from'],
    ['?to=2025-02-30', 'to'],
    ['?from=1721044800000', 'from'],
    ['?from=2025-07-15&to=2025-07-15T25:00Z', 'to'],
    ['?from=2025-07-15&from=2025-07-16', 'from'],
    ['?from=2025-07-15T12:00:00.002Z&to=2025-07-15T12:00:00.001Z', 'from'],
  ]) {
    await problemOf(await world.ask(`/payments-summary${query}`), 400, 'bad-window', field);
  }
  assert.equal(world.mood.calls, []);
});

summary('refuses a bound that is finer than what the books still know', async () => {
  await world.books.upkeep(Date.UTC(2025, 6, 15, 12, 5), 60_000);
  for (const [query, field] of [
    ['?from=2025-07-15T12:03:00.001Z', 'from'],
    ['?to=2025-07-15T12:03:00Z', 'to'],
  ]) {
    const problem = await problemOf(
      await world.ask(`/payments-summary${query}`),
      422,
      'window-too-fine',
      field,
    );
    assert.match(
      problem.detail,
      'Before 2025-07-15T12:04:00.000Z the books know the totals of whole minutes',
    );
  }
  const minutes = '?from=2025-07-15T11:03:00Z&to=2025-07-15T12:03:59.999Z';
  assert.is((await world.ask(`/payments-summary${minutes}`)).status, 200);
});

summary('says when a sum is too large, and not that the ledger does not answer', async () => {
  for (const number of [1, 2]) {
    const most = { amountCents: Number.MAX_SAFE_INTEGER };
    await record(number, 0, T0_MS + number, null, most);
    const owner = (await must(world.books.owners())).at(-1)?.owner ?? 0;
    const settled = settlementOf(number, {
      correlationId: idOf(number),
      requestedAtMs: T0_MS + number,
      ...most,
    });
    assert.equal((await must(world.books.commit(owner, [settled], []))).settled, ['recorded']);
  }
  const response = await world.ask('/payments-summary');
  await problemOf(response, 422, 'sum-too-large');
  assert.is(response.headers.get('retry-after'), null);
  const alone = await world.ask(`/payments-summary?to=${new Date(T0_MS + 1).toISOString()}`);
  assert.is(JSON.parse(await alone.text()).default.totalRequests, 1);
});

summary('names an unknown parameter, and suggests the right one', async () => {
  for (const [query, field, words] of [
    ['?form=2025-07-15', 'form', 'did you mean `from`?'],
    ['?From=2025-07-15', 'From', 'did you mean `from`?'],
    ['?from=2025-07-15&until=2025-07-16', 'until', 'expected `from`, `to`.'],
    ['?%66rom=&x=1', 'x', 'expected `from`, `to`.'],
    [`?${'y'.repeat(300)}`, 'y'.repeat(64), 'expected `from`, `to`.'],
  ] as const) {
    const { detail } = await problemOf(
      await world.ask(`/payments-summary${query}`),
      400,
      'unknown-parameter',
      field,
    );
    assert.ok(detail.endsWith(words), detail);
  }
  assert.equal(world.mood.calls, []);
});

summary('answers 503 with Retry-After while the ledger is unavailable', async () => {
  world.mood.away.add('summary');
  const response = await world.ask('/payments-summary');
  assert.is(response.headers.get('retry-after'), '1');
  await problemOf(response, 503, 'ledger-unavailable');
  assert.is(world.metricsTable.counted('readFailures'), 1);
});

summary('logs why it is refused once, and when it is answered again', async () => {
  world.mood.away.add('summary');
  for (let times = 0; times < 3; times++) await world.ask('/payments-summary');
  world.mood.away.clear();
  for (let times = 0; times < 3; times++) await world.ask('/payments-summary');
  assert.equal(world.log.lines, [
    'warn summaries are refused: the ledger cannot be read',
    'info summaries are answered again',
  ]);
});

summary('tolerates a client that leaves before the response', async () => {
  const go = world.mood.slow();
  await new Promise<void>((resolve) => {
    const socket = connect(world.port, '127.0.0.1', () =>
      socket.write('GET /payments-summary HTTP/1.1\r\nHost: a\r\n\r\n', () =>
        setTimeout(() => socket.destroy(), 20),
      ),
    );
    socket.on('close', () => resolve());
  });
  assert.is((await world.ask('/livez')).status, 200);
  go();
  assert.is((await world.ask('/payments-summary')).status, 200);
});

summary.run();

const finding = suiteOf('GET /payments/{correlationId}');

const NOON = '2025-07-15T12:00:00.000Z';
const LATER = '2025-07-15T12:00:01.234Z';

async function shown(id: string): Promise<unknown> {
  const response = await world.ask(`/payments/${id}`);
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-type'), 'application/json');
  return response.json();
}

finding('shows a payment that was accepted here and is not yet claimed', async () => {
  await world.post(bodyOf(ID, '19.90'));
  assert.equal(await shown(ID), {
    amount: 19.9,
    correlationId: ID,
    status: 'accepted',
    acceptedAt: new Date(world.clock.nowMs()).toISOString(),
    processor: null,
    requestedAt: null,
    attempts: 0,
  });
});

finding('shows a payment that is reserved in the ledger', async () => {
  await record(5, null, 0, null);
  assert.equal(await shown(idOf(5)), {
    amount: 0.05,
    correlationId: idOf(5),
    status: 'accepted',
    acceptedAt: NOON,
    processor: null,
    requestedAt: null,
    attempts: 0,
  });
});

finding('shows dispatched, settled and rejected payments', async () => {
  await record(100, 1, Date.parse(LATER), null);
  const dispatched = {
    amount: 1,
    correlationId: idOf(100),
    status: 'dispatched',
    acceptedAt: NOON,
    processor: 'fallback',
    requestedAt: LATER,
    attempts: 1,
  };
  assert.equal(await shown(idOf(100)), dispatched);
  await record(101, 0, Date.parse(LATER), 'settled');
  const settled = { amount: 1.01, correlationId: idOf(101), status: 'settled', processor: 'default' };
  assert.equal(await shown(idOf(101)), { ...dispatched, ...settled });
  await record(102, 0, Date.parse(LATER), 'rejected');
  const rejected = { amount: 1.02, correlationId: idOf(102), status: 'rejected', processor: 'default' };
  assert.equal(await shown(idOf(102)), { ...dispatched, ...rejected, reason: '400 "amount"' });
});

finding('tells operators the story of a payment', async () => {
  await record(100, 1, Date.parse(LATER), 'settled', { why: 'probe' });
  const headers = { authorization: 'Bearer key-to-operate' };
  const response = await world.ask(`/payments/${idOf(100)}`, { headers });
  const { history, ...rest } = (await response.json()) as { history: unknown };
  assert.equal(history, [{ processor: 'fallback', requestedAt: LATER, why: 'probe', outcome: 'charged' }]);
  assert.equal(rest, await shown(idOf(100)), 'others see the rest');
  await record(5, null, 0, null);
  const reserved = await world.ask(`/payments/${idOf(5)}`, { headers });
  assert.equal(((await reserved.json()) as { history: unknown }).history, []);
});

finding('shows a payment that is held, as it was accepted here', async () => {
  await record(5, null, 0, null);
  const action = { what: 'hold', atMs: Date.parse(LATER), by: 'ana', why: 'perhaps a fraud' } as const;
  const payments = [idOf(5), idOf(6), ID].map((correlationId) => ({ correlationId }));
  await must(world.books.hold(action, payments));
  const held = { status: 'held', processor: null, requestedAt: null, attempts: 0 };
  const own = { amount: 0.05, correlationId: idOf(5), acceptedAt: NOON };
  assert.equal(await shown(idOf(5)), { ...own, ...held });
  assert.equal(await shown(idOf(6)), { correlationId: idOf(6), acceptedAt: LATER, ...held });
  await world.post(bodyOf(ID, '19.90'));
  const acceptedAt = new Date(world.clock.nowMs()).toISOString();
  assert.equal(await shown(ID), { amount: 19.9, correlationId: ID, acceptedAt, ...held });
});

finding('the ledger takes precedence over the idempotency cache', async () => {
  await world.post(bodyOf(idOf(3), '0.03'));
  await record(3, 0, Date.parse(LATER), 'settled');
  assert.is(((await shown(idOf(3))) as { status: string }).status, 'settled');
});

finding('shows a conflicting amount that was posted elsewhere', async () => {
  await record(100, 0, Date.parse(LATER), 'settled');
  await record(100, 0, Date.parse(LATER), null, { amountCents: 250 });
  const text = await (await world.ask(`/payments/${idOf(100)}`)).text();
  assert.match(text, '"amount":1.00,"conflictingAmount":2.50,');
});

finding('writes amounts exactly that a float cannot hold', async () => {
  await record(7, 0, Date.parse(LATER), 'settled', { amountCents: 9_007_199_254_740_991 });
  const text = await (await world.ask(`/payments/${idOf(7)}`)).text();
  assert.match(text, '"amount":90071992547409.91,');
});

finding('accepts an upper-case id', async () => {
  await world.post(bodyOf(ID, '1'));
  assert.is(((await shown(ID.toUpperCase())) as { correlationId: string }).correlationId, ID);
});

finding('answers 404 to an unknown id, and to an invalid one', async () => {
  for (const id of [ID, 'x', `${ID}0`, '%00', `${ID}%0a`]) {
    await problemOf(await world.ask(`/payments/${id}`), 404, 'no-such-payment');
  }
});

finding('answers 404 for a payment that was refused', async () => {
  world.diskFull = true;
  await world.post(bodyOf(ID, '1'));
  await problemOf(await world.ask(`/payments/${ID}`), 404, 'no-such-payment');
});

finding('answers 503 with Retry-After while the ledger is unavailable', async () => {
  world.mood.away.add('find');
  const response = await world.ask(`/payments/${ID}`);
  assert.is(response.headers.get('retry-after'), '1');
  await problemOf(response, 503, 'ledger-unavailable');
  await world.ask(`/payments/${ID}`);
  world.mood.away.clear();
  await world.ask(`/payments/${ID}`);
  assert.equal(world.log.lines, [
    'warn look-ups of payments are refused: the ledger cannot be read',
    'info look-ups of payments are answered again',
  ]);
});

finding.run();

const forbidden = suiteOf('POST /purge-payments, not allowed');

forbidden('answers 403, and purges nothing', async () => {
  await record(5, 0, 1000, 'settled');
  await problemOf(await world.ask('/purge-payments', { method: 'POST' }), 403, 'purge-not-allowed');
  assert.is(world.mood.count('purge'), 0);
  assert.is(JSON.parse(await (await world.ask('/payments-summary')).text()).default.totalRequests, 1);
});

forbidden.run();

const purging = suiteOf('POST /purge-payments', true);

purging('empties the ledger and the idempotency cache', async () => {
  await record(5, 0, 1000, 'settled');
  await world.post(bodyOf(ID, '1'));
  const response = await world.ask('/purge-payments', { method: 'POST' });
  assert.is(response.status, 200);
  assert.equal(await response.json(), { message: 'All payments purged.' });
  assert.equal(await (await world.ask('/payments-summary')).json(), JSON.parse(ZEROS));
  assert.is((await world.ask(`/payments/${ID}`)).status, 404);
  assert.is((await world.ask(`/payments/${idOf(5)}`)).status, 404);
  assert.ok(world.sharedState.purgedAtMs > world.clock.nowMs());
});

purging('refuses a window, because it would delete everything', async () => {
  const query = '?from=2025-07-15&to=2025-07-16';
  const response = await world.ask(`/purge-payments${query}`, { method: 'POST' });
  await problemOf(response, 400, 'unknown-parameter', 'from');
  assert.is(world.mood.count('purge'), 0);
});

purging('refuses requests from pages of another origin', async () => {
  await world.post(bodyOf(ID, '1'));
  const own = { Origin: `http://127.0.0.1:${world.port}` };
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1']) {
    const response = await world.ask('/purge-payments', { method: 'POST', headers: { Origin: origin } });
    await problemOf(response, 403, 'other-origin');
  }
  assert.is((await world.ask(`/payments/${ID}`)).status, 200);
  assert.is((await world.ask('/purge-payments', { method: 'POST', headers: own })).status, 200);
});

purging('payments accepted before it are older than the purge, later ones are not', async () => {
  await world.post(bodyOf(idOf(1), '1'));
  await world.ask('/purge-payments', { method: 'POST' });
  await world.post(bodyOf(idOf(2), '1'));
  const slot = new RingSlot();
  const stamps: number[] = [];
  while (world.ring.pop(slot)) stamps.push(slot.acceptedAtMs);
  assert.ok((stamps[0] ?? 0) < world.sharedState.purgedAtMs);
  assert.ok((stamps[1] ?? 0) >= world.sharedState.purgedAtMs);
  assert.is((await world.ask(`/payments/${idOf(2)}`)).status, 200);
});

purging('an id may be posted again after it, with another amount', async () => {
  await world.post(bodyOf(ID, '1'));
  await world.ask('/purge-payments', { method: 'POST' });
  assert.is((await world.post(bodyOf(ID, '2'))).status, 202);
});

purging('frozen books are not purged, and the answer says what to do', async () => {
  await must(world.books.setBooksStatus({ kind: 'behind', sinceMs: 1, detail: 'a copy' }));
  const response = await world.ask('/purge-payments', { method: 'POST' });
  const { detail } = await problemOf(response, 409, 'books-not-in-use');
  assert.match(detail, /dinossauro audit --adopt/);
  assert.is(world.mood.count('purge'), 0);
});

purging(
  'books that are frozen at the last moment are not purged either, and the answer says so',
  async () => {
    world.mood.away.add('booksStatus');
    await problemOf(await world.ask('/purge-payments', { method: 'POST' }), 503, 'ledger-unavailable');
    world.mood.away.clear();
    const go = world.mood.slow('purge');
    const purge = world.ask('/purge-payments', { method: 'POST' });
    await until('the purge', 5000, async () => world.mood.count('purge') === 1);
    await must(world.books.setBooksStatus({ kind: 'moved', sinceMs: 1, detail: 'redis://new' }));
    go();
    const { detail } = await problemOf(await purge, 409, 'books-not-in-use');
    assert.match(detail, /moved to redis:\/\/new/);
  },
);

purging('two purges within a millisecond get different timestamps', async () => {
  await world.ask('/purge-payments', { method: 'POST' });
  const first = world.sharedState.purgedAtMs;
  await world.post(bodyOf(ID, '1'));
  await world.ask('/purge-payments', { method: 'POST' });
  assert.ok(world.sharedState.purgedAtMs > first);
  assert.is((await world.ask(`/payments/${ID}`)).status, 404);
});

purging('answers 503 while the ledger is unavailable, and forgets nothing', async () => {
  await world.post(bodyOf(ID, '1'));
  world.mood.away.add('purge');
  const response = await world.ask('/purge-payments', { method: 'POST' });
  await problemOf(response, 503, 'ledger-unavailable');
  assert.is(world.sharedState.purgedAtMs, 0);
  assert.is((await world.ask(`/payments/${ID}`)).status, 200);
});

purging.run();

const probing = suiteOf('GET /livez, GET /readyz');

probing('livez always answers 200', async () => {
  world.mood.away.add('ping');
  world.sharedState.stop();
  const response = await world.ask('/livez');
  assert.is(response.status, 200);
  assert.is(await response.text(), '');
});

probing('readyz needs the pool threads', async () => {
  const response = await world.ask('/readyz');
  assert.ok(response.headers.get('retry-after') !== null);
  await problemOf(response, 503, 'starting');
  world.sharedState.setReady(0, true);
  assert.is((await world.ask('/readyz')).status, 200);
  world.sharedState.threadDied(0);
  await problemOf(await world.ask('/readyz'), 503, 'starting');
});

probing('readyz needs the ledger, and says why it is unavailable', async () => {
  world.sharedState.setReady(0, true);
  world.mood.away.add('ping');
  const problem = await problemOf(await world.ask('/readyz'), 503, 'ledger-unavailable');
  assert.is(problem.detail, 'away');
  world.mood.away.clear();
  assert.is((await world.ask('/readyz')).status, 200);
});

probing('readyz answers 503 while stopping', async () => {
  world.sharedState.setReady(0, true);
  world.sharedState.stop();
  await problemOf(await world.ask('/readyz'), 503, 'stopping');
});

probing.run();

const routes = suiteOf('routes and methods');

routes('every other path is answered 404', async () => {
  for (const path of ['/', '/payment', '/payments/', '/payments/a/b', '/Payments', '/livez/', '/%2e%2e/x']) {
    await problemOf(await world.ask(path), 404, 'no-such-route');
  }
  await problemOf(await world.ask('/nowhere', { method: 'POST', body: 'x' }), 404, 'no-such-route');
});

routes('another method is answered 405 with the allowed methods', async () => {
  for (const [path, allow] of [
    ['/payments', 'GET, HEAD, POST'],
    ['/purge-payments', 'POST'],
    ['/payments-summary', 'GET, HEAD'],
    [`/payments/${ID}`, 'GET, HEAD'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
  ] as const) {
    for (const method of [
      'PUT',
      'DELETE',
      'PATCH',
      'OPTIONS',
      ...['GET', 'POST'].filter((other) => !allow.includes(other)),
    ]) {
      const response = await world.ask(path, { method });
      assert.is(response.headers.get('allow'), allow, `${method} ${path}`);
      await problemOf(response, 405, 'method-not-allowed');
    }
  }
  assert.is(world.drained(), 0);
});

routes('HEAD is answered like GET, without the body', async () => {
  const head = (path: string, more = '') => `HEAD ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const text = await world.converse(
    head('/livez'),
    head('/nowhere'),
    head('/payments'),
    head(`/payments/${ID}`),
    head('/payments-summary', CLOSE),
  );
  assert.equal(statusesIn(text), [200, 404, 401, 404, 200]);
  assert.not.match(text, '{');
  const whole = await (await world.ask('/payments-summary')).text();
  assert.match(text, `Content-Length: ${whole.length}`);
  assert.match(text, 'Content-Type: application/problem+json');
});

routes('the query is not part of the path', async () => {
  assert.is((await world.ask('/livez?x=1')).status, 200);
  assert.is((await world.ask('/payments?x=1', { method: 'POST', body: bodyOf(ID, '1') })).status, 202);
});

routes.run();

const keyed = suiteOf('POST /payments with Idempotency-Key');

keyed('the header is the id of the payment, and repeats it', async () => {
  const post = (key: string, body: string) =>
    world.ask('/payments', { method: 'POST', body, headers: { 'Idempotency-Key': key } });
  assert.is((await post(`"${ID}"`, '{"amount":1}')).status, 202);
  assert.is((await post(ID, bodyOf(ID, '1'))).status, 202);
  assert.is((await world.post(bodyOf(ID, '1'))).status, 202);
  assert.is(world.drained(), 1);
  await problemOf(await post(ID, '{"amount":2}'), 409, 'amount-conflict', 'amount');
  await problemOf(
    await post(ID.replace('4', '5'), bodyOf(ID, '1')),
    422,
    'idempotency-key-differs',
    'correlationId',
  );
  await problemOf(await post('order-17', bodyOf(ID, '1')), 400, 'idempotency-key-not-a-uuid');
});

keyed.run();

const batches = suiteOf('POST /payments-batch');

interface LineAnswer {
  readonly correlationId?: string;
  readonly status: number;
  readonly type?: string;
}

function postBatch(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return world.ask('/payments-batch', { method: 'POST', body, headers });
}

/** Each answer in short: `202 …0001`, or the slug of the problem with the end of the id, if there is one. */
async function linesOf(response: Response): Promise<string[]> {
  assert.is(response.status, 200);
  assert.is(response.headers.get('content-type'), 'application/x-ndjson');
  const text = await response.text();
  assert.ok(text.endsWith('\n'));
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const { correlationId = '', status, type = '' } = JSON.parse(line) as LineAnswer;
      return `${type === '' ? status : type.replace('/errors#', '')} ${correlationId.slice(-4)}`.trim();
    });
}

batches('each line has an answer in its place, and one journal write takes them all', async () => {
  const lines = [
    bodyOf(idOf(1), '1'),
    bodyOf(idOf(2), '0'),
    '',
    `  ${bodyOf(idOf(3), '3')}\r`,
    '{"correlationId":"x","amount":1}',
    bodyOf(idOf(1), '1'),
    bodyOf(idOf(1), '2'),
    bodyOf(idOf(4), '4'),
  ];
  const before = world.metricsTable.counted('journalWrites');
  assert.equal(await linesOf(await postBatch(`${lines.join('\n')}\n`)), [
    '202 0001',
    'amount-not-positive',
    'malformed-json',
    '202 0003',
    'correlation-id-not-a-uuid',
    '202 0001',
    'amount-conflict 0001',
    '202 0004',
  ]);
  assert.is(world.metricsTable.counted('journalWrites'), before + 1);
  assert.is(world.metricsTable.counted('accepted'), 3);
  assert.is(world.metricsTable.refused(refusalIndex('amount-not-positive')), 1);
  // The repeated line is pushed too, because the first might have failed: the ledger settles one of them.
  assert.is(world.drained(), 4);
  assert.equal(await linesOf(await postBatch(bodyOf(idOf(1), '1'))), ['202 0001']);
  assert.is(world.drained(), 0);
});

batches('lines beyond the room in the queue are refused, the others accepted', async () => {
  const lines = Array.from({ length: BATCH_LINES }, (_, index) => bodyOf(idOf(index), '1'));
  const answers = await linesOf(await postBatch(lines.join('\n')));
  assert.equal(
    answers.map((answer) => answer.split(' ')[0]),
    lines.map((_, index) => (index < RING_CAPACITY ? '202' : 'queue-full')),
  );
  assert.is(world.drained(), RING_CAPACITY);
  assert.equal(
    await linesOf(await postBatch(lines.slice(RING_CAPACITY).join('\n'))),
    lines.slice(RING_CAPACITY).map((_, index) => `202 ${String(RING_CAPACITY + index).padStart(4, '0')}`),
  );
});

batches('if the journal cannot be written, no line is accepted, and all may be posted again', async () => {
  const body = [bodyOf(idOf(1), '1'), bodyOf(idOf(2), '2')].join('\n');
  world.diskFull = true;
  assert.equal(await linesOf(await postBatch(body)), [
    'journal-unavailable 0001',
    'journal-unavailable 0002',
  ]);
  assert.is(world.drained(), 0);
  world.diskFull = false;
  assert.equal(await linesOf(await postBatch(body)), ['202 0001', '202 0002']);
  assert.is(world.drained(), 2);
});

batches('a batch that is empty, too long or too large is refused as a whole', async () => {
  await problemOf(await postBatch(''), 400, 'malformed-json');
  const lines = Array.from({ length: BATCH_LINES + 1 }, (_, index) => bodyOf(idOf(index), '1'));
  await problemOf(await postBatch(lines.join('\n')), 413, 'body-too-large');
  await problemOf(await postBatch(' '.repeat(BATCH_BYTES + 1)), 413, 'body-too-large');
  world.sharedState.stop();
  await problemOf(await postBatch(bodyOf(ID, '1')), 503, 'stopping');
  assert.is(world.drained(), 0);
  assert.is((await world.ask('/payments-batch')).status, 405);
});

batches('a thread reads no more than 32 batches at once, and forgets clients that leave', async () => {
  const head = 'POST /payments-batch HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{';
  const slow = Array.from({ length: 32 }, () => connect({ port: world.port, host: '127.0.0.1' }));
  for (const socket of slow) socket.on('error', () => {}).write(head);
  const statusOf = async () => (await postBatch(bodyOf(ID, '1'))).status;
  await until('all of them are being read', 5000, async () => (await statusOf()) === 503);
  for (const socket of slow) socket.destroy();
  await until('they are forgotten', 5000, async () => (await statusOf()) === 200);
});

batches('a body that comes in pieces is read whole', async () => {
  const lines = Array.from(
    { length: BATCH_LINES },
    (_, index) => `${bodyOf(idOf(index), '1')}${' '.repeat(100)}`,
  );
  const body = lines.slice(0, RING_CAPACITY).join('\n');
  const head = `POST /payments-batch HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: ${body.length}\r\n\r\n`;
  const pieces = body.match(/.{1,700}/gs) ?? [];
  const heard = await world.converse(head, ...pieces);
  assert.is(heard.match(/"status":202}/g)?.length, RING_CAPACITY);
});

batches.run();

const keys = suiteOf('payments for clients with API keys', true, 'token');

const BODY = bodyOf(ID, '1');
const KEYED = [
  ['POST', '/payments', 'post', 202],
  ['POST', '/payments-batch', 'post', 200],
  ['GET', `/payments/${ID}`, 'read', 200],
  ['GET', '/payments-summary', 'read', 200],
  ['POST', '/purge-payments', 'operate', 200],
] as const;

function withKey(method: string, key: string): RequestInit {
  const headers = key === '' ? {} : { Authorization: `Bearer ${key}` };
  return { method, headers, ...(method === 'POST' ? { body: BODY } : {}) };
}

keys('each path needs a key with its scope', async () => {
  for (const [method, path, scope, success] of KEYED) {
    const ask = (key: string) => world.ask(path, withKey(method, key));
    const slugOf = async (key: string) => ((await (await ask(key)).json()) as Problem).type.split('#')[1];
    assert.is(await slugOf(''), 'token-required', path);
    assert.is(await slugOf('key-unknown'), 'token-unknown', path);
    const wrong = scope === 'post' ? 'key-to-operate' : 'key-to-post';
    assert.is(await slugOf(wrong), 'scope-missing', path);
    assert.is((await ask(`key-to-${scope}`)).status, success, path);
  }
  assert.is(world.metricsTable.counted('accessRefused'), 3 * KEYED.length);
  for (const slug of ['token-required', 'token-unknown', 'scope-missing'] as const)
    assert.is(world.metricsTable.refused(refusalIndex(slug)), 2, slug);
  assert.is(world.drained(), 1);
});

keys('a refused post leaves its connection usable, whatever the size of its body', async () => {
  const post = (key: string, body: string) =>
    `POST /payments HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${body.length}\r\n`;
  const large = ' '.repeat(100_000);
  const heard = await world.converse(
    `${post('key-unknown', large)}\r\n${large.slice(1)}`,
    ' ',
    `${post('key-to-post', BODY)}Connection: close\r\n\r\n${BODY}`,
  );
  assert.equal(
    Array.from(heard.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => status),
    ['401', '202'],
  );
});

keys('a key makes no more requests than its limit, and each path says when to come again', async () => {
  for (const [method, path] of KEYED) {
    world.clock.pass(1000);
    assert.ok((await world.ask(path, withKey(method, 'limited-key'))).status < 300, path);
    const refused = await world.ask(path, withKey(method, 'limited-key'));
    assert.equal([refused.status, refused.headers.get('retry-after')], [429, '1'], path);
  }
  assert.is(world.metricsTable.counted('rateLimited'), KEYED.length);
  assert.is(world.metricsTable.refused(refusalIndex('rate-limited')), 2);
});

keys('a batch counts as one request for each line', async () => {
  const lines = [1, 2, 3].map((number) => bodyOf(idOf(number), '1')).join('\n');
  const post = async () => world.ask('/payments-batch', { ...withKey('POST', 'limited-key'), body: lines });
  assert.is((await post()).status, 200);
  const refused = await post();
  assert.equal([refused.status, refused.headers.get('retry-after')], [429, '3']);
});

keys('health and documents need no key', async () => {
  assert.is((await world.ask('/livez')).status, 200);
  assert.is((await world.ask('/readyz')).status, 503);
});

keys.run();

const whole = suite('the contract of these routes');

const PATHS = [
  '/payments',
  '/payments-batch',
  '/payments/{correlationId}',
  '/payments-summary',
  '/purge-payments',
  '/livez',
  '/readyz',
];
/** Only with another durability: see `test/http/payment-acceptor.test.ts`. Other files of this run may have seen it. */
const ELSEWHERE = [
  'POST /payments 503 /errors#books-frozen',
  'POST /payments 503 /errors#ledger-unavailable',
];

whole('is covered by the tests here', () => {
  const documented = contract
    .documented()
    .filter((name) => PATHS.includes(name.split(' ')[1] ?? '') && !name.startsWith('GET /payments '));
  assert.ok(documented.length > 30);
  assert.equal(
    documented.filter((name) => !ELSEWHERE.includes(name) && !contract.kept.has(name)),
    [],
  );
  for (const name of ELSEWHERE) assert.ok(documented.includes(name));
});

whole.run();
