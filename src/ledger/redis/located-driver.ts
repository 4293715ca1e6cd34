import assert from 'node:assert/strict';
import type { RedisDriver } from './connection.ts';

/** A driver that finds out where its server is when it connects. */
export class LocatedDriver implements RedisDriver {
  readonly #find: () => Promise<string>;
  readonly #newDriver: (url: string) => RedisDriver;
  readonly #listeners: ((error: unknown) => void)[] = [];
  #driver: RedisDriver | undefined;
  #isDestroyed = false;

  constructor(find: () => Promise<string>, newDriver: (url: string) => RedisDriver) {
    this.#find = find;
    this.#newDriver = newDriver;
  }

  on(event: 'error', listener: (error: unknown) => void): void {
    this.#listeners.push(listener);
    this.#driver?.on(event, listener);
  }

  async connect(): Promise<void> {
    const url = await this.#find();
    if (this.#isDestroyed) throw new Error('given up before its server was found');
    const driver = this.#newDriver(url);
    this.#driver = driver;
    for (const listener of this.#listeners) driver.on('error', listener);
    await driver.connect();
  }

  sendCommand(command: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#connected().sendCommand(command);
  }

  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown> {
    return this.#connected().subscribe(channel, listener, bufferMode);
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#driver?.destroy();
    this.#driver = undefined;
  }

  #connected(): RedisDriver {
    assert(this.#driver !== undefined, 'a driver is used once it is connected');
    return this.#driver;
  }
}
