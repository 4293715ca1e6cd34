import { Ring } from '../../src/shared-memory/ring.ts';
import type { Scope } from './scope.ts';

/** The ring, with sleepers that wait for promises, because waiting on shared memory takes real time. */
export class SimRing extends Ring {
  #sleepers: { readonly scope: Scope; readonly wake: () => void }[] = [];

  constructor(capacity: number) {
    super(Ring.allocate(capacity));
  }

  /** The ring as one thread sees it; its sleep ends with the thread. */
  seenBy(scope: Scope): Pick<Ring, 'pop' | 'sleep'> {
    return {
      pop: (slot) => this.pop(slot),
      sleep: (_, unless = () => false) => this.wait(scope, unless),
    };
  }

  wait(scope: Scope, unless: () => boolean): Promise<void> {
    if (this.size > 0 || unless()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#sleepers.push({ scope, wake: resolve });
    });
  }

  override wake(): void {
    this.#sleepers = this.#sleepers.filter(({ scope }) => scope.alive);
    const sleeper = this.#sleepers.shift();
    sleeper?.scope.deliver(sleeper.wake);
  }

  override wakeAll(): void {
    const sleepers = this.#sleepers;
    this.#sleepers = [];
    for (const { scope, wake } of sleepers) scope.deliver(wake);
  }
}
