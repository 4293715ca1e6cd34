import type { Clock } from '../core/clock.ts';
import type { Message } from './frame.ts';
import { Sampler, type SamplerParts } from './sampler.ts';

export interface FeedParts extends Omit<SamplerParts, 'clock'> {
  /** Sends one text to every viewer. */
  readonly publish: (text: string) => void;
  readonly clock: Clock;
}

const FRAME_EVERY_MS = 1000;

/** One frame a second for all viewers of this thread, made only while there are viewers. */
export class Feed {
  readonly #parts: FeedParts;
  /** How many processors viewers know. */
  #shownCount = 0;
  #viewers = 0;
  #sampler: Sampler | null = null;
  #last: string | null = null;
  #cancel: () => void = () => {};

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** Adds a viewer. Returns the messages for it alone: later ones are published to all viewers. */
  join(): readonly string[] {
    this.#viewers++;
    if (this.#sampler === null) {
      this.#sampler = new Sampler(this.#parts);
      this.#last = textOf(this.#sampler.sample());
      this.#next();
    }
    const hello = this.#hello();
    return this.#last === null ? [hello] : [hello, this.#last];
  }

  #hello(): string {
    const { hello } = this.#parts;
    this.#shownCount = hello.processors.length;
    return textOf(hello);
  }

  /** Removes a viewer; after the last one, sampler and timer stop. */
  leave(): void {
    this.#viewers--;
    if (this.#viewers > 0) return;
    this.#cancel();
    this.#sampler = null;
    this.#last = null;
  }

  #next(): void {
    this.#cancel = this.#parts.clock.after(FRAME_EVERY_MS, () => {
      if (this.#sampler === null) return;
      if (this.#parts.hello.processors.length > this.#shownCount) this.#parts.publish(this.#hello());
      this.#last = textOf(this.#sampler.sample());
      this.#next();
      this.#parts.publish(this.#last);
    });
  }
}

function textOf(message: Message): string {
  return JSON.stringify(message);
}
