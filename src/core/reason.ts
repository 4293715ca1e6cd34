/**
 * Why something failed at a connection, in one line. What OpenSSL has to say is in `reason`, and its message
 * is a piece of OpenSSL's source. An error over several addresses has only a code.
 */
export function errorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('library' in error && 'reason' in error) return String(error.reason);
  const [line = ''] = error.message.split('\n');
  return line === '' && 'code' in error ? String(error.code) : line;
}
