/** What one check has found. */
export interface Finding {
  /** What was looked at: `node`, `listen`, `redis`. */
  readonly check: string;
  /** `warn`: it runs, but not as it should. `fail`: it doesn't run, or breaks a promise. */
  readonly level: 'ok' | 'warn' | 'fail';
  /** One line, without credentials. */
  readonly seen: string;
  /** What to do about it; empty when all is well. */
  readonly remedy: string;
}

export function ok(check: string, seen: string): Finding {
  return { check, level: 'ok', seen, remedy: '' };
}

export function warn(check: string, seen: string, remedy: string): Finding {
  return { check, level: 'warn', seen, remedy };
}

export function fail(check: string, seen: string, remedy: string): Finding {
  return { check, level: 'fail', seen, remedy };
}
