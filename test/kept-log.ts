import type { Log } from '../src/core/log.ts';

/** Keeps what is said instead of printing it: `level message`. */
export class KeptLog implements Log {
  readonly lines: string[] = [];

  debug(_: object, message: string): void {
    this.lines.push(`debug ${message}`);
  }

  info(_: object, message: string): void {
    this.lines.push(`info ${message}`);
  }

  warn(_: object, message: string): void {
    this.lines.push(`warn ${message}`);
  }

  error(_: object, message: string): void {
    this.lines.push(`error ${message}`);
  }
}
