/**
 * Why something failed, in one line. An OpenSSL error explains itself in `reason`, not in its message. An error that
 * covers several addresses has only a code.
 */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('library' in error && 'reason' in error) return String(error.reason);
  const [line = ''] = error.message.split('\n');
  return line === '' && 'code' in error ? String(error.code) : line;
}

/** The message of a file system error. Any other error is a bug and is thrown again. */
export function fileErrorReason(error: unknown): string {
  if (error instanceof Error && 'code' in error) return error.message;
  throw error;
}
