import assert from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import { HttpThread } from './thread.ts';
import { createApp, type Listened, listen, type WebApp } from './uws.ts';
import { warmUpHttp } from './warm-up.ts';
import type { HttpTask, HttpWorkerMessage } from './worker.ts';

/** The HTTP side of an instance: this thread alone, or several threads that share the port. */
export interface HttpServer {
  /** Starts to accept connections. */
  listen(): Promise<Listened>;
  /** Closes every connection and stops every thread. */
  close(): Promise<void>;
}

export interface HttpServerParts {
  readonly config: Config;
  readonly shared: SharedMemory;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when an HTTP thread has died. Its connections are lost, so the instance must stop. */
  readonly onDeath: (error: unknown) => void;
}

export async function openHttpServer(parts: HttpServerParts): Promise<HttpServer> {
  if (parts.config.httpThreadCount > 1) return SharedPortServer.open(parts);
  const { config, shared, clock, log } = parts;
  await warmUpHttp(0, config, clock, log);
  const thread = await HttpThread.open(0, config, shared, clock, log);
  return { listen: () => listen(thread.app, config.listen), close: () => thread.close() };
}

/** Accepts connections on this thread, and hands them to the others in turn. */
class SharedPortServer implements HttpServer {
  readonly #acceptor: WebApp = createApp();
  readonly #config: Config;
  readonly #workers: readonly Worker[];
  readonly #descriptors: readonly number[];
  #closing = false;

  static async open(parts: HttpServerParts): Promise<SharedPortServer> {
    const workers = Array.from({ length: parts.config.httpThreadCount }, (_, index) =>
      startWorker(index, parts),
    );
    try {
      return new SharedPortServer(parts, workers, await Promise.all(workers.map(descriptorOf)));
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
  }

  private constructor(
    { config, onDeath }: HttpServerParts,
    workers: readonly Worker[],
    descriptors: readonly number[],
  ) {
    this.#config = config;
    this.#workers = workers;
    this.#descriptors = descriptors;
    for (const descriptor of descriptors) this.#acceptor.addChildAppDescriptor(descriptor);
    for (const worker of workers) {
      worker.once('error', onDeath);
      worker.once('exit', (code) => {
        if (!this.#closing) onDeath(new Error(`an HTTP thread exited with code ${code}`));
      });
    }
  }

  listen(): Promise<Listened> {
    return listen(this.#acceptor, this.#config.listen);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const descriptor of this.#descriptors) this.#acceptor.removeChildAppDescriptor(descriptor);
    this.#acceptor.close();
    await Promise.all(
      this.#workers.map(async (worker) => {
        const closed = once(worker, 'message');
        worker.postMessage('close');
        await closed;
        await worker.terminate();
      }),
    );
  }
}

function startWorker(index: number, { config, shared }: HttpServerParts): Worker {
  const workerData: HttpTask = { index, config, shared };
  return new Worker(new URL('./worker.ts', import.meta.url), { workerData });
}

async function descriptorOf(worker: Worker): Promise<number> {
  const [message]: [HttpWorkerMessage] = (await once(worker, 'message')) as [HttpWorkerMessage];
  assert.ok(message.kind === 'open');
  return message.descriptor;
}
