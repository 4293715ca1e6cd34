import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

const CHUNK_CHARACTERS = 65_536;

/** Writes text to a stream in large pieces, and waits when the stream is full. Rejects if the stream fails. */
export class LineWriter {
  readonly #stream: Writable;
  readonly #failed: Promise<never>;
  #text = '';

  constructor(stream: Writable) {
    this.#stream = stream;
    this.#failed = new Promise((_, reject) => stream.once('error', reject));
    // It is awaited with the next piece, which may come later than the failure.
    this.#failed.catch(() => {});
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= CHUNK_CHARACTERS) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text !== '' && !this.#stream.write(text)) {
      await Promise.race([once(this.#stream, 'drain'), this.#failed]);
    }
  }

  /** Writes what is left and ends the stream. */
  async end(): Promise<void> {
    await this.flush();
    this.#stream.end();
    await finished(this.#stream);
  }
}
