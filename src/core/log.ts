import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from '../config/config.ts';

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

const STDOUT = 1;

/**
 * A log that adds `bindings` to each line, written to standard output by the thread that says it and before it goes
 * on: nothing is left to flush when a process or a thread ends, however it ends.
 *
 * Lines are JSON, or made for reading where standard output is a terminal. `output` is for tests.
 */
export function createLogger(
  level: LogLevel,
  bindings: LogFields,
  output: DestinationStream = isatty(STDOUT) ? readable() : destination({ dest: STDOUT, sync: true }),
): Log {
  const options = {
    level,
    base: bindings,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, output);
}

/** Loaded only where somebody reads: in production it would cost each thread its memory. */
function readable(): DestinationStream {
  const require = createRequire(import.meta.url);
  const pretty: typeof import('pino-pretty') = require('pino-pretty');
  return pretty({ destination: STDOUT, sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
}
