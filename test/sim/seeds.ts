/** Seeds that once broke a promise; they run for ever. */
export const KEPT_SEEDS: readonly number[] = [14, 16, 153, 192, 892];
