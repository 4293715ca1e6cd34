/**
 * Something that an operator has to correct before a program can start, and no bug: its message is one line for that
 * person, and its stack is of no use.
 */
export class SetupError extends Error {
  // As a property of the error itself it survives the way from one thread to another.
  override readonly name = 'SetupError';
}

/** Also true of one that came from another thread. */
export function isSetupError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SetupError';
}
