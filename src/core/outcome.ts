/** The result of a command, or of a part of one. */
export type Outcome<T> = { readonly kind: 'ok'; readonly value: T } | Failed;

export interface Failed {
  readonly kind: 'failed';
  /** What is wrong and what to do, for people. */
  readonly lines: readonly string[];
}

export function failed(...lines: string[]): Failed {
  return { kind: 'failed', lines };
}
