import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './log-level.ts';
import { LogOutput, openStandardOutput, STDOUT } from './log-output.ts';

/**
 * The log that every part of the gateway writes to. Fields are for machines. The message is for people, and constant for
 * each kind of line. Put an error into the field `err`.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

type LogFields = Readonly<Record<string, unknown>>;

/** The same log, with these fields in each line. */
export function withFields(log: Log, fields: LogFields): Log {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
  };
}

/** The outputs of this thread's logs. */
const outputs: LogOutput[] = [];
/** See `countDroppedLines`. */
let onDropped: (lineCount: number) => void = () => {};

/**
 * Creates a log that adds `bindings` to each line. Each thread writes its own lines to standard output, synchronously
 * but without ever blocking on the reader (`src/core/log-output.ts`).
 *
 * Lines are JSON, or formatted for people if standard output is a terminal. `output` is for tests.
 */
export function createLogger(level: LogLevel, bindings: LogFields, output?: DestinationStream): Log {
  const options = {
    level,
    base: bindings,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const log = pino(options, output ?? standardOutput((count) => reportDropped(log, count)));
  return log;
}

/** Makes this thread call `count` with the number of log lines that it drops. */
export function countDroppedLines(count: (lineCount: number) => void): void {
  onDropped = count;
}

/**
 * Gives a slow reader time to read the queued lines. This happens by itself when the process exits, but not when another
 * thread terminates this one.
 */
export function flushLogs(): void {
  for (const output of outputs) output.flush();
}

function reportDropped(log: Log, lineCount: number): void {
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

/** Loaded only for a terminal, because it would cost each thread memory in production. */
function readable(): (line: string) => string {
  const require = createRequire(import.meta.url);
  const { isColorSupported, prettyFactory }: typeof import('pino-pretty') = require('pino-pretty');
  return prettyFactory({
    colorize: isColorSupported,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
}
