import { constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { isMainThread } from 'node:worker_threads';

export const STDOUT = 1;
/** What waits for a reader that is slow but there: some thousand lines for each thread. */
const QUEUE_LIMIT_BYTES = 256 * 1024;
/** How often a full reader is tried again. It costs one system call. */
const RETRY_MS = 25;
/** At the end of a thread, a reader that takes nothing for so long is taken for absent. */
const FLUSH_PATIENCE_MS = 200;
const FLUSH_PAUSE_MS = 2;

export interface LogOutputParts {
  /** A descriptor that does not block. */
  readonly descriptor: number;
  /** Lines were dropped. */
  readonly onDropped: (lineCount: number) => void;
  /** Lines are written again, after so many were dropped. */
  readonly onRecovered: (lineCount: number) => void;
}

/**
 * Writes lines without ever waiting for whatever reads them.
 *
 * A line leaves at once while the reader has room, so nothing is left to flush when the process is killed. While it
 * has none, lines wait in a bounded queue; lines beyond the bound, and lines for a reader that has gone, are dropped
 * and counted.
 */
export class LogOutput {
  readonly #parts: LogOutputParts;
  /** What is left of the first may be a part of a line. */
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
    // Otherwise a retry is due, and what came first goes first.
    if (this.#retry === null) this.#send();
  }

  /** Blocks until the queue is empty, but not for a reader that takes nothing. For the end of a thread. */
  flush(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    let lastProgressAtMs = performance.now();
    while (this.#queuedBytes > 0 && performance.now() - lastProgressAtMs < FLUSH_PATIENCE_MS) {
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

/** How many bytes were written. `full`: none now. `gone`: no reader, no disk; another line may do better. */
function attempt(descriptor: number, bytes: Buffer): number | 'full' | 'gone' {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'gone';
  }
}

/**
 * Standard output as a descriptor that does not block. Pipes and sockets get that from the stream that Node makes of
 * them, which only the main thread has, and which the other threads share by the same descriptor. A terminal is opened
 * anew, since Ctrl-S would stop the process otherwise. Files do not block.
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
