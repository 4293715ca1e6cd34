import type { Config } from '../config/config.ts';
import { type Clock, within } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { SharedMemory } from '../shared-memory/allocate.ts';
import type { Contracts } from './callbacks.ts';
import { HttpWorker } from './http-worker.ts';
import { HttpThread } from './thread.ts';
import { createApp, type Listened, listen, type WebApp } from './uws.ts';
import { warmUpHttp } from './warm-up.ts';

/** How long the other threads may take to end if one cannot open. */
const GIVE_UP_MS = 2000;

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
  readonly contracts: Contracts;
  /** Called when an HTTP thread dies that was open. Its connections are lost, so the instance must stop. */
  readonly onDeath: (error: unknown) => void;
}

export async function openHttpServer(parts: HttpServerParts): Promise<HttpServer> {
  if (parts.config.httpThreadCount > 1) return SharedPortServer.open(parts);
  const { config, shared, clock, log, contracts } = parts;
  await warmUpHttp(0, config, clock, log);
  const thread = await HttpThread.open(0, config, shared, clock, log, contracts);
  return { listen: () => listen(thread.app, config.listen), close: () => thread.close() };
}

/** Accepts connections on this thread, and hands them to the others in turn. */
class SharedPortServer implements HttpServer {
  readonly #acceptor: WebApp = createApp();
  readonly #config: Config;
  readonly #workers: readonly HttpWorker[];
  readonly #descriptors: readonly number[];

  static async open({ config, shared, clock, onDeath }: HttpServerParts): Promise<SharedPortServer> {
    const workers: HttpWorker[] = [];
    try {
      for (let index = 0; index < config.httpThreadCount; index++) {
        workers.push(new HttpWorker({ index, config, shared }, onDeath));
      }
      const descriptors = await Promise.all(workers.map(({ descriptor }) => descriptor));
      return new SharedPortServer(config, workers, descriptors);
    } catch (error) {
      await within(clock, GIVE_UP_MS, Promise.all(workers.map((worker) => worker.close())));
      throw error;
    }
  }

  private constructor(config: Config, workers: readonly HttpWorker[], descriptors: readonly number[]) {
    this.#config = config;
    this.#workers = workers;
    this.#descriptors = descriptors;
    for (const descriptor of descriptors) this.#acceptor.addChildAppDescriptor(descriptor);
  }

  listen(): Promise<Listened> {
    return listen(this.#acceptor, this.#config.listen);
  }

  async close(): Promise<void> {
    for (const descriptor of this.#descriptors) this.#acceptor.removeChildAppDescriptor(descriptor);
    this.#acceptor.close();
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}
