import { constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { isMainThread } from 'node:worker_threads';

export const STDOUT = 1;
/** How much may wait for a slow reader: about a thousand lines per thread. */
const QUEUE_LIMIT_BYTES = 256 * 1024;
/** How often to retry while the reader is full. A retry costs one system call. */
const RETRY_MS = 25;
/** When a thread ends, it gives up on a reader that reads nothing for this long. */
const FLUSH_TIMEOUT_MS = 200;
const FLUSH_PAUSE_MS = 2;

export interface LogOutputParts {
  /** A non-blocking file descriptor. */
  readonly descriptor: number;
  /** Called when lines are dropped. */
  readonly onDropped: (lineCount: number) => void;
  /** Called when lines can be written again, with the number dropped in between. */
  readonly onRecovered: (lineCount: number) => void;
}

/**
 * Writes lines without ever blocking on the reader.
 *
 * While the reader has room, each line is written at once, so that a killed process loses none. Otherwise lines wait in a
 * bounded queue. Lines beyond the bound, and lines for a reader that has gone, are dropped and counted.
 */
export class LogOutput {
  readonly #parts: LogOutputParts;
  /** The first may be the rest of a partly written line. */
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #droppedSinceWrite = 0;
  #retry: NodeJS.Timeout | null = null;

  constructor(parts: LogOutputParts) {
    this.#parts = parts;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#queuedBytes + bytes.length > QUEUE_LIMIT_BYTES) {
      this.#drop(1);
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    // Otherwise the pending retry sends it, after the lines before it.
    if (this.#retry === null) this.#send();
  }

  /** Blocks until the queue is empty or the reader stops reading. For the end of a thread. */
  flush(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    let lastProgressAtMs = performance.now();
    while (this.#queuedBytes > 0 && performance.now() - lastProgressAtMs < FLUSH_TIMEOUT_MS) {
      const beforeBytes = this.#queuedBytes;
      this.#send();
      if (this.#queuedBytes < beforeBytes) lastProgressAtMs = performance.now();
      else Atomics.wait(pause, 0, 0, FLUSH_PAUSE_MS);
    }
  }

  #send(): void {
    while (this.#queue[0] !== undefined) {
      const outcome = attempt(this.#parts.descriptor, this.#queue[0]);
      if (outcome === 'full') {
        this.#retryLater();
        return;
      }
      if (outcome === 'gone') {
        const lineCount = this.#queue.length;
        this.#queue.length = 0;
        this.#queuedBytes = 0;
        this.#drop(lineCount);
        return;
      }
      this.#queuedBytes -= outcome;
      if (outcome < this.#queue[0].length) this.#queue[0] = this.#queue[0].subarray(outcome);
      else this.#queue.shift();
    }
    this.#recover();
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.#send();
    }, RETRY_MS).unref();
  }

  #drop(lineCount: number): void {
    this.#droppedSinceWrite += lineCount;
    this.#parts.onDropped(lineCount);
  }

  #recover(): void {
    const lineCount = this.#droppedSinceWrite;
    if (lineCount === 0) return;
    this.#droppedSinceWrite = 0;
    this.#parts.onRecovered(lineCount);
  }
}

/** Returns the bytes written. `full`: the reader has no room. `gone`: no reader, or a disk error; a later line may work. */
function attempt(descriptor: number, bytes: Buffer): number | 'full' | 'gone' {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'gone';
  }
}

/**
 * Standard output as a non-blocking descriptor. In the main thread, Node's stream makes pipes and sockets non-blocking;
 * other threads share the descriptor. A terminal is opened again, because Ctrl-S would block the process otherwise. Files
 * do not block.
 */
export function openStandardOutput(): number {
  if (isatty(STDOUT)) return openTerminal();
  if (isMainThread) {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  }
  return STDOUT;
}

function openTerminal(): number {
  try {
    return openSync(
      `/proc/self/fd/${STDOUT}`,
      constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK,
    );
  } catch {
    return STDOUT;
  }
}
