/**
 * A seeded pseudo-random generator: mulberry32 (Tommy Ettinger). A fork does not depend on how many numbers were drawn,
 * so a change in one part of a run does not affect the other parts.
 */
export class Random {
  readonly #seed: number;
  #state: number;

  constructor(seed: number) {
    this.#seed = mix(seed);
    this.#state = this.#seed;
  }

  fork(label: string): Random {
    let hash = this.#seed;
    for (let index = 0; index < label.length; index++) hash = mix(hash ^ label.charCodeAt(index));
    return new Random(hash);
  }

  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** In [0, 1). */
  readonly next = (): number => this.u32() / 2 ** 32;

  /** An integer, both bounds inclusive. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.int(0, list.length - 1)] as T;
  }
}

function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16) ^ 0x9e3779b9) >>> 0;
}
