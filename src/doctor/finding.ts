/** The result of one check. */
export interface Finding {
  /** What was checked: `node`, `listen`, `redis`. */
  readonly check: string;
  /** `warn`: the gateway runs, but not well. `fail`: it does not start, or breaks a promise. */
  readonly level: 'ok' | 'warn' | 'fail';
  /** One line, without credentials. */
  readonly seen: string;
  /** What to do about it; empty when nothing. */
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
