const LOOK_EVERY_MS = 20;

/** Resolves to the first result of `look` that is neither undefined nor false. Rejects at the deadline with `what`. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() >= endMs) throw new Error(`timed out after ${deadlineMs} ms: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
