import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../config/config.ts';
import { LogOutput, openStandardOutput, STDOUT } from './log-output.ts';

/**
 * What every part of the gateway is handed to say something with. Fields are for machines, the message for people
 * and the same for every line of its kind. An error goes into the field `err`.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

type LogFields = Readonly<Record<string, unknown>>;

/** What the logs of this thread write to. */
const outputs: LogOutput[] = [];
/** How many lines this thread has dropped, for whoever counts them; see `countDroppedLines`. */
let onDropped: (lineCount: number) => void = () => {};

/**
 * A log that adds `bindings` to each line, written to standard output by the thread that says it and before it goes
 * on, unless standard output is full: the log never waits for whatever reads it (`src/core/log-output.ts`).
 *
 * Lines are JSON, or made for reading where standard output is a terminal. `output` is for tests.
 */
export function createLogger(level: LogLevel, bindings: LogFields, output?: DestinationStream): Log {
  const options = {
    level,
    base: bindings,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const log = pino(options, output ?? standardOutput((count) => tellDropped(log, count)));
  return log;
}

/** From now on, `count` is called with the number of lines that this thread drops. */
export function countDroppedLines(count: (lineCount: number) => void): void {
  onDropped = count;
}

/**
 * Gives a slow reader the time to take what waits. The end of a process does it by itself, but nothing of a thread
 * runs when another one ends it.
 */
export function flushLogs(): void {
  for (const output of outputs) output.flush();
}

function tellDropped(log: Log, lineCount: number): void {
  log.warn({ lineCount }, 'log lines were dropped: standard output was not read');
}

function standardOutput(onRecovered: (lineCount: number) => void): DestinationStream {
  const output = new LogOutput({
    descriptor: openStandardOutput(),
    onDropped: (lineCount) => onDropped(lineCount),
    onRecovered,
  });
  if (outputs.push(output) === 1) process.once('exit', flushLogs);
  if (!isatty(STDOUT)) return output;
  const format = readable();
  return { write: (line) => output.write(format(line)) };
}

/** Loaded only where somebody reads: in production it would cost each thread its memory. */
function readable(): (line: string) => string {
  const require = createRequire(import.meta.url);
  const { isColorSupported, prettyFactory }: typeof import('pino-pretty') = require('pino-pretty');
  return prettyFactory({
    colorize: isColorSupported,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
