/**
 * A problem that the operator must fix before the program can start, not a bug: print the message, which is one line,
 * without the stack.
 */
export class SetupError extends Error {
  // An own property survives being passed between threads.
  override readonly name = 'SetupError';
}

/** Also recognizes errors from other threads. */
export function isSetupError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SetupError';
}
