import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LogOutput } from '../../src/core/log-output.ts';
import { until } from '../system/until.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const WITHIN_MS = 20_000;
/** Longer than a pipe accepts at once, so that a line may be written in parts. */
const LONG_LINE = `${'x'.repeat(9_999)}\n`;

interface Pipe {
  readonly output: LogOutput;
  /** The counts passed to `onDropped` and to `onRecovered`. */
  readonly dropped: number[];
  readonly recovered: number[];
  /** Everything that is in the pipe. */
  read(): string;
  closeReader(): void;
}

function withPipe(use: (pipe: Pipe) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    let isOpen = true;
    const dropped: number[] = [];
    const recovered: number[] = [];
    const output = new LogOutput({
      descriptor,
      onDropped: (lineCount) => dropped.push(lineCount),
      onRecovered: (lineCount) => recovered.push(lineCount),
    });
    const closeReader = () => {
      if (isOpen) closeSync(reader);
      isOpen = false;
    };
    try {
      await use({ output, dropped, recovered, read: () => drain(reader), closeReader });
    } finally {
      closeReader();
      output.flush();
      closeSync(descriptor);
    }
  };
}

function drain(reader: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const length = readSync(reader, chunk);
      if (length === 0) return text;
      text += chunk.toString('latin1', 0, length);
    } catch {
      return text;
    }
  }
}

test(
  'a line is written before the call returns',
  withPipe(({ output, read }) => {
    output.write('one\n');
    output.write('two\n');
    assert.is(read(), 'one\ntwo\n');
  }),
);

test(
  'a full reader does not block: lines are queued, then dropped and counted; the rest arrives whole and in order',
  withPipe(async ({ output, dropped, recovered, read }) => {
    const lines = Array.from({ length: 60 }, (_, index) => `${index} ${LONG_LINE}`);
    for (const line of lines) output.write(line);
    const droppedCount = dropped.reduce((sum, count) => sum + count, 0);
    assert.ok(droppedCount > 0 && droppedCount < lines.length);
    let text = '';
    await until('everything is read', WITHIN_MS, () => {
      text += read();
      return recovered.length > 0;
    });
    text += read();
    assert.ok(text === lines.slice(0, lines.length - droppedCount).join(''));
    assert.equal(recovered, [droppedCount]);
    output.write('again\n');
    assert.is(read(), 'again\n');
    assert.equal(recovered, [droppedCount]);
  }),
);

test(
  'flush gives up on a reader that does not read',
  withPipe(({ output }) => {
    for (let index = 0; index < 20; index++) output.write(LONG_LINE);
    const beganAtMs = performance.now();
    output.flush();
    assert.ok(performance.now() - beganAtMs < 5000);
  }),
);

test(
  'lines for a reader that has gone are dropped',
  withPipe(({ output, dropped, closeReader }) => {
    closeReader();
    output.write('one\n');
    output.write('two\n');
    assert.equal(dropped, [1, 1]);
  }),
);

test.run();
