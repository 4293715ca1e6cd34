import assert from 'node:assert';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Bench } from 'tinybench';
import { type Dispatcher, Pool } from 'undici';
import { systemClock } from '../../src/core/clock.ts';
import { HttpProcessor } from '../../src/processor/client.ts';
import { rinha } from '../../src/processor/contracts/rinha.ts';
import { propagationOnlyTracer } from '../../src/tracing/open.ts';

/**
 * CPU time of a call for one payment, in the thread and the kernel, by number of concurrent calls. It compares our
 * client with two ways to use undici: a handler under `Pool.dispatch` and the more convenient `Pool.request`. The
 * processor is another process that answers at once, so its time does not count.
 */
const CALLS_AT_ONCE = [1, 8, 10, 32] as const;
const TIMEOUT_MS = 15_000;
const PARTS = { name: 'default', contract: rinha(''), clock: systemClock, tracer: propagationOnlyTracer };
const DISPATCH = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  acceptedAtMs: 0,
  requestedAtMs: Date.UTC(2025, 6, 15, 12, 34, 56),
  trace: null,
};
const HEADERS = { 'content-type': 'application/json' };
const BODY = `{"correlationId":"${DISPATCH.correlationId}","amount":19.90,"requestedAt":"2025-07-15T12:34:56.000Z"}`;

/** The cheapest possible processor: answers every chunk it receives as one payment. */
function answerForever(): void {
  const said = '{"message":"payment processed successfully"}';
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${said.length}\r\n\r\n${said}`;
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => socket.write(answer));
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('disconnect', () => process.exit());
}

/** The minimum for undici to match our client: a deadline, a status and a body. */
class Handler implements Dispatcher.DispatchHandler {
  readonly #chunks: Buffer[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: (status: number) => void;
  #status = 0;
  #controller: Dispatcher.DispatchController | null = null;

  constructor(resolve: (status: number) => void) {
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#controller?.abort(new Error('no answer in time')), TIMEOUT_MS);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end(this.#chunks.length === 0 ? 0 : this.#status);
  }

  onResponseError(): void {
    this.#end(0);
  }

  #end(status: number): void {
    clearTimeout(this.#timer);
    this.#resolve(status);
  }
}

async function measure(): Promise<void> {
  const isSmoke = process.env['BENCH_SMOKE'] === '1';
  const processorProcess = fork(import.meta.filename, ['processor']);
  const [port] = await once(processorProcess, 'message');
  const url = `http://127.0.0.1:${port}`;
  const connectionCount = Math.max(...CALLS_AT_ONCE);
  const client = new HttpProcessor({ ...PARTS, url, connectionCount });
  const pool = new Pool(url, { connections: connectionCount, allowH2: false });

  const request = { path: '/payments', method: 'POST', headers: HEADERS, body: BODY } as const;
  const bench = new Bench({ time: isSmoke ? 20 : 2000, warmupTime: isSmoke ? 5 : 500 });
  const cpuUsByTask = new Map<string, number>();
  const compare = (name: string, atOnce: number, call: () => Promise<void>): void => {
    const task = `${name}, ${atOnce} at once`;
    let callCount = 0;
    let before = process.cpuUsage();
    bench.add(
      task,
      async () => {
        await Promise.all(Array.from({ length: atOnce }, call));
        callCount += atOnce;
      },
      {
        beforeAll: () => {
          callCount = 0;
          before = process.cpuUsage();
        },
        afterAll: () => {
          const { user, system } = process.cpuUsage(before);
          cpuUsByTask.set(task, (user + system) / callCount);
        },
      },
    );
  };
  for (const atOnce of CALLS_AT_ONCE) {
    compare('HttpProcessor.pay', atOnce, async () => {
      assert.equal((await client.pay(DISPATCH, TIMEOUT_MS)).kind, 'committed');
    });
    compare('Pool.dispatch', atOnce, async () => {
      const status = await new Promise((resolve) => pool.dispatch(request, new Handler(resolve)));
      assert.equal(status, 200);
    });
    compare('Pool.request', atOnce, async () => {
      const { body, statusCode } = await pool.request(request);
      await body.dump();
      assert.equal(statusCode, 200);
    });
  }
  await bench.run();
  console.table(
    bench.tasks.map((task) => {
      const { result } = task;
      if (result.state !== 'completed') throw new Error(`${task.name}: ${result.state}`);
      return {
        task: task.name,
        'CPU µs a call': cpuUsByTask.get(task.name)?.toFixed(1),
        'batch p50 ms': result.latency.p50.toFixed(3),
        'batch p99 ms': result.latency.p99.toFixed(3),
      };
    }),
  );
  await client.close();
  await pool.destroy();
  processorProcess.disconnect();
}

if (process.argv[2] === 'processor') answerForever();
else await measure();
