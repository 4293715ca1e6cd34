export function stampOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** NaN: not a timestamp. */
export function msOf(stamp: unknown): number {
  return typeof stamp === 'string' ? Date.parse(stamp) : Number.NaN;
}

export function isWhole(value: unknown, min: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}
